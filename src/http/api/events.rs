//! `/events`: a list, or, to who accepts `text/event-stream`, a stream that goes on where it was left.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Parameter, QueryStyle, SchemaObject};
use aide::operation::{OperationOutput, add_parameters};
use aide::transform::TransformOperation;
use aide::{OperationInput, openapi};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schemars::json_schema;

use super::caller::Caller;
use super::document::documented;
use super::event_stream::{self, StreamItem, Subscription};
use super::exchange::{header_parameter, parameter};
use super::listing::Asked;
use super::parameters::Parameters;
use crate::directory::{Event, EventFilter, EventRows, Happening, Listing, Page};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;

/// The media type of a stream.
const STREAM: &str = "text/event-stream";
/// Types and prefixes in one filter.
const MOST_TYPES: usize = 32;

/// The paths of events.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route("/events", get_with(events, about))
}

fn about(op: TransformOperation<'_>) -> TransformOperation<'_> {
    documented(op, "events", "List or follow events", &[400])
        .description(
            "With `Accept: text/event-stream`, server-sent events: those after `Last-Event-ID` (or `after`; without \
             either, from now on), each with its `id`, its type as `event` and the same JSON as the list has as `data`, \
             until either side ends it. Ids outlive restarts of the server: reconnect with the last one seen, and nothing is \
             lost or comes twice. What is no longer kept is told as `feed.gap`; a reader that does not keep up is told \
             `feed.cut-off` and where to resume; `feed.end` says why the server ends a stream. A comment every 15 seconds \
             keeps the connection open. Otherwise a page of the list.",
        )
        .response::<200, Answered>()
}

async fn events(State(door): State<AdminDoor>, caller: Caller, asked: EventsAsked) -> Result<Answered, Problem> {
    let answer = match asked {
        EventsAsked::List(listing) => Json(door.directory.list::<EventRows>(&listing).await?).into_response(),
        EventsAsked::Stream(subscription) => event_stream::follow(&door, &caller, subscription).await?,
    };
    Ok(Answered(answer))
}

/// A page of the list, or a stream.
struct Answered(Response);

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        self.0
    }
}

impl OperationOutput for Answered {
    type Inner = Page<Event>;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<openapi::Response> {
        let mut response = <Json<Page<Event>> as OperationOutput>::operation_response(ctx, operation)?;
        let json_schema = ctx.schema.subschema_for::<StreamItem>();
        let schema = Some(SchemaObject { json_schema, external_docs: None, example: None });
        response.content.insert(STREAM.to_owned(), MediaType { schema, ..MediaType::default() });
        Some(response)
    }
}

/// What is asked of the events.
#[derive(Debug)]
enum EventsAsked {
    List(Listing),
    Stream(Subscription),
}

impl<S: Send + Sync> FromRequestParts<S> for EventsAsked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let accepted = parts.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if !accepted.flat_map(|value| value.split(',')).any(is_stream) {
            return Ok(Self::List(Asked::<EventRows>::from_request_parts(parts, state).await?.0));
        }
        let Parameters(parameters) = Parameters::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        let mut subscription = subscription(&parameters)?;
        // A browser that reconnects repeats the query and knows better by then.
        if let Some(last) = parts.headers.get("Last-Event-ID") {
            subscription.after = Some(place("Last-Event-ID", last.to_str().unwrap_or_default())?);
        }
        Ok(Self::Stream(subscription))
    }
}

fn is_stream(media_type: &str) -> bool {
    media_type.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(STREAM))
}

fn subscription(parameters: &[(String, String)]) -> Result<Subscription, Problem> {
    let mut subscription = Subscription { after: None, filter: EventFilter::default() };
    for (name, value) in parameters {
        match name.as_str() {
            "after" => subscription.after = Some(place(name, value)?),
            "type" => {
                for wanted in value.split(',').map(str::trim).filter(|wanted| !wanted.is_empty()) {
                    subscription.filter.types.push(known(wanted)?);
                }
            }
            "subject" => subscription.filter.subject = Some(value.clone()).filter(|subject| !subject.is_empty()),
            _ => {
                return Err(Problem::parameter(
                    name,
                    "there is no such parameter of the stream; give after, type, subject",
                ));
            }
        }
    }
    match subscription.filter.types.len() {
        0..=MOST_TYPES => Ok(subscription),
        _ => Err(Problem::parameter("type", format!("more than {MOST_TYPES} types; name fewer, or with *"))),
    }
}

/// A type, or with `*` at its end a prefix of some.
fn known(wanted: &str) -> Result<String, Problem> {
    let is_known = match wanted.strip_suffix('*') {
        Some(start) => Happening::TYPES.iter().any(|kind| kind.starts_with(start)),
        None => Happening::TYPES.contains(&wanted),
    };
    match is_known {
        true => Ok(wanted.to_owned()),
        false => Err(Problem::parameter(
            "type",
            format!("no event is called \"{wanted}\"; choose from {}", Happening::TYPES.join(", ")),
        )),
    }
}

/// A place in the sequence, as events show it.
fn place(name: &str, id: &str) -> Result<i64, Problem> {
    let place = id.trim().parse::<i64>().ok().filter(|place| *place >= 0);
    place
        .ok_or_else(|| Problem::parameter(name, "it is no event's id; give one as it came, or 0 for all that are kept"))
}

impl OperationInput for EventsAsked {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        <Asked<EventRows> as OperationInput>::operation_input(ctx, operation);
        let after = parameter(
            "after",
            "Of the stream: the id of the event to go on behind; 0 for all that are kept.",
            json_schema!({ "type": "string", "pattern": "^[0-9]+$" }),
        );
        let query = Parameter::Query {
            parameter_data: after,
            allow_reserved: false,
            style: QueryStyle::Form,
            allow_empty_value: None,
        };
        let header =
            header_parameter("Last-Event-ID", "Of the stream: the same as `after`, and preferred to it.", "^[0-9]+$");
        add_parameters(ctx, operation, [query, header]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<Subscription, Problem> {
        let query: Vec<(String, String)> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        subscription(&query)
    }

    #[test]
    fn a_filter_names_types_and_beginnings_of_them() {
        let read = read(&[("type", "enrolment.*,call.ended"), ("type", "job.progress"), ("after", "7")]).unwrap();
        assert_eq!(read.filter.types, ["enrolment.*", "call.ended", "job.progress"]);
        assert_eq!(read.after, Some(7));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for query in [("type", "enrolments.*"), ("type", "call"), ("after", "-1"), ("after", "x"), ("limit", "5")] {
            assert!(read(&[query]).is_err(), "{query:?}");
        }
    }

    #[test]
    fn a_stream_is_asked_for_by_its_media_type() {
        assert!(is_stream(" text/event-stream; charset=utf-8") && !is_stream("application/json") && !is_stream("*/*"));
    }
}
