//! Import and export of records as CSV, the same for every kind.

use std::marker::PhantomData;
use std::time::Duration;

use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::generate::GenContext;
use aide::openapi::{self, MediaType, Operation, Parameter, QueryStyle, RequestBody, SchemaObject};
use aide::operation::{OperationOutput, add_parameters, set_body};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::json_schema;
use serde::Deserialize;

use super::caller::Caller;
use super::collection::{Collection, about};
use super::exchange::parameter;
use super::jobs::JobView;
use super::listing::Asked;
use crate::directory::{
    DirectoryError, ImportFile, ImportMode, ImportOptions, JobPlace, LARGEST_FILE, LARGEST_PAGE, OnExisting,
};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

/// The media type of a file.
const CSV: &str = "text/csv";
/// How long somebody may take to send a file.
const PATIENCE: Duration = Duration::from_secs(60);

/// The paths of a kind whose records come and go as CSV.
pub fn transfer<C: Collection>() -> ApiRouter<AdminDoor> {
    let what = C::TABLE.what;
    ApiRouter::new()
        .api_route(
            &format!("/{}/import", C::PATH),
            post_with(import::<C>, |op| {
                about::<C>(op, &format!("Import {what}s"), &[400, 413, 415])
                    .description(
                        "Takes CSV with a header that names fields, and answers with a job that says what comes of it.",
                    )
                    .response::<202, Json<JobView>>()
            }),
        )
        .api_route(
            &format!("/{}/export", C::PATH),
            get_with(export::<C>, |op| {
                about::<C>(op, &format!("Export {what}s"), &[400])
                    .description("CSV, as an import takes it. Secrets are not in it.")
                    .response::<200, Csv>()
            }),
        )
}

/// A file to be imported, and how.
#[derive(Debug)]
struct Upload {
    place: JobPlace,
    file: ImportFile,
    options: ImportOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    mode: ImportMode,
    #[serde(default)]
    on_existing: OnExisting,
    #[serde(default)]
    dry_run: bool,
}

impl FromRequest<AdminDoor> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, door: &AdminDoor) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let query = Query::<Options>::from_request_parts(&mut parts, door).await;
        let Query(Options { mode, on_existing, dry_run }) =
            query.map_err(|rejection| Problem::unreadable(rejection.body_text()))?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut kind = kind.split(';').map(str::trim);
        if !kind.next().is_some_and(|name| name.eq_ignore_ascii_case(CSV)) {
            return Err(
                Problem::unsupported("send CSV, with the header Content-Type: text/csv").saying("unsupported-csv")
            );
        }
        let charset = kind.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
        });
        // A file takes memory from here on.
        let place = door.jobs.place().ok_or_else(Problem::busy)?;
        let octets = match tokio::time::timeout(PATIENCE, to_bytes(body, LARGEST_FILE)).await {
            Ok(Ok(octets)) => octets.into(),
            Ok(Err(_)) => return Err(Problem::file_too_large()),
            Err(_) => return Err(Problem::unreadable("the file did not arrive within a minute")),
        };
        let options = ImportOptions { mode, on_existing, dry_run };
        Ok(Self { place, file: ImportFile { octets, charset }, options })
    }
}

impl OperationInput for Upload {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let choice = |name: &str, about: &str, choices: [&str; 2]| {
            parameter(name, about, json_schema!({ "type": "string", "enum": choices, "default": choices[0] }))
        };
        let existing = json_schema!({ "type": "string", "enum": ["refuse", "update", "skip"], "default": "refuse" });
        let about =
            "What becomes of a row whose record there is already. `update` leaves as it is what a cell is empty for.";
        let mode = "What becomes of the others if a row is wrong.";
        let query = [
            choice("mode", mode, ["all-or-nothing", "best-effort"]),
            parameter("on_existing", about, existing),
            parameter("dry_run", "Only look what would happen.", json_schema!({ "type": "boolean", "default": false })),
        ];
        let query = query.map(|parameter_data| Parameter::Query {
            parameter_data,
            allow_reserved: false,
            style: QueryStyle::Form,
            allow_empty_value: None,
        });
        add_parameters(ctx, operation, query);
        let description = "CSV whose header names fields: UTF-8, UTF-16 or Shift_JIS, at most 32 MiB and 200,000 rows.";
        let body = RequestBody {
            description: Some(description.to_owned()),
            content: [(CSV.to_owned(), text())].into_iter().collect(),
            required: true,
            ..RequestBody::default()
        };
        set_body(ctx, operation, body);
    }
}

fn text() -> MediaType {
    let json_schema = json_schema!({ "type": "string" });
    MediaType { schema: Some(SchemaObject { json_schema, external_docs: None, example: None }), ..MediaType::default() }
}

/// Has a file imported.
async fn import<C: Collection>(
    State(door): State<AdminDoor>,
    caller: Caller,
    Reader(words): Reader,
    Upload { place, file, options }: Upload,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let id = door.jobs.import::<C>(place, file, options, C::check, &caller.actor(), UnixMillis::now()).await?;
    let view = JobView::get(&door, id, &words).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// A file going out, page by page.
#[derive(Debug)]
struct Csv(Response);

impl IntoResponse for Csv {
    fn into_response(self) -> Response {
        self.0
    }
}

impl OperationOutput for Csv {
    type Inner = Self;

    fn operation_response(_: &mut GenContext, _: &mut Operation) -> Option<openapi::Response> {
        Some(openapi::Response {
            description: "The records, one a line.".to_owned(),
            content: [(CSV.to_owned(), text())].into_iter().collect(),
            ..openapi::Response::default()
        })
    }
}

/// Records as a file, filtered and sorted as in a list.
async fn export<C: Collection>(State(door): State<AdminDoor>, asked: Asked<C>) -> Result<Csv, Problem> {
    let Asked(mut listing, PhantomData) = asked;
    listing.limit = LARGEST_PAGE;
    let header = crate::directory::Directory::csv_header::<C>()?;
    let pages = stream::try_unfold((Some(header), Some(listing)), move |(header, listing)| {
        let directory = door.directory.clone();
        async move {
            if let Some(header) = header {
                return Ok::<_, DirectoryError>(Some((header, (None, listing))));
            }
            let Some(listing) = listing else { return Ok(None) };
            let (lines, next) = directory.csv_page::<C>(&listing).await?;
            Ok(Some((lines, (None, next))))
        }
    });
    let headers = [
        (header::CONTENT_TYPE, format!("{CSV}; charset=utf-8; header=present")),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.csv\"", C::PATH)),
    ];
    Ok(Csv((headers, Body::from_stream(pages)).into_response()))
}
