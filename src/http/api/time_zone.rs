//! The time zone a reader asks for: on its clocks what happened is shown.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Parameter, QueryStyle};
use aide::operation::add_parameters;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use schemars::json_schema;

use super::exchange::parameter;
use super::parameters::Parameters;
use crate::http::problem::Problem;
use crate::vocab::TimeZone;

/// The time zone asked for, and the other parameters of the query.
pub async fn zone_asked<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<(Option<TimeZone>, Vec<(String, String)>), Problem> {
    let Parameters(parameters) = Parameters::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
    let mut zone = None;
    let mut others = Vec::new();
    for (name, value) in parameters {
        match name.as_str() {
            "time_zone" => zone = Some(value.parse().map_err(|_| Problem::time_zone(&value))?),
            _ => others.push((name, value)),
        }
    }
    Ok((zone, others))
}

/// The time zone asked for.
#[derive(Debug)]
pub struct ZoneAsked(pub Option<TimeZone>);

impl<S: Send + Sync> FromRequestParts<S> for ZoneAsked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match zone_asked(parts, state).await? {
            (zone, others) if others.is_empty() => Ok(Self(zone)),
            (_, others) => {
                let name = others.first().map_or("query", |(name, _)| name.as_str());
                Err(Problem::parameter(name, "there is no such parameter; give time_zone, or leave it out"))
            }
        }
    }
}

impl OperationInput for ZoneAsked {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        add_parameters(ctx, operation, [zone_parameter()]);
    }
}

/// As the document says it.
pub fn zone_parameter() -> Parameter {
    let about = "The time zone of the clocks, as the IANA database names it, such as `Asia/Tokyo`; at the portal the account's, else UTC, if none is given.";
    Parameter::Query {
        parameter_data: parameter("time_zone", about, json_schema!({ "type": "string" })),
        allow_reserved: false,
        style: QueryStyle::Form,
        allow_empty_value: None,
    }
}
