//! Bodies and answers as every path of the API takes and gives them.

use std::marker::PhantomData;

use aide::generate::GenContext;
use aide::openapi::{
    HeaderStyle, MediaType, Operation, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, RequestBody,
    SchemaObject,
};
use aide::operation::{OperationOutput, add_parameters, set_body};
use aide::{OperationInput, openapi};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, json_schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::directory::{Kept, read_draft};
use crate::http::problem::Problem;

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match read_json(request, state, &["application/json"]).await? {
            // An array would be taken field by field.
            value @ Value::Object(_) => Ok(Self(read_draft(value)?)),
            _ => Err(Problem::unreadable("the body is to be a JSON object")),
        }
    }
}

impl<T: JsonSchema> OperationInput for Body<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        <Json<T> as OperationInput>::operation_input(ctx, operation);
    }
}

/// A JSON merge patch (RFC 7396) of a `T`: the fields to change; `null` takes one away.
#[derive(Debug)]
pub struct Patch<T>(pub Value, pub PhantomData<T>);

impl<T, S: Send + Sync> FromRequest<S> for Patch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match read_json(request, state, &["application/merge-patch+json", "application/json"]).await? {
            patch @ Value::Object(_) => Ok(Self(patch, PhantomData)),
            _ => Err(Problem::unreadable("a patch is a JSON object with the fields to change")),
        }
    }
}

impl<T: JsonSchema> OperationInput for Patch<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let json_schema = patch_of::<T>();
        let media = MediaType {
            schema: Some(SchemaObject { json_schema, external_docs: None, example: None }),
            ..MediaType::default()
        };
        let body = RequestBody {
            description: Some("The fields to change (RFC 7396); null takes one away.".to_owned()),
            content: [("application/merge-patch+json".to_owned(), media)].into_iter().collect(),
            required: true,
            ..RequestBody::default()
        };
        set_body(ctx, operation, body);
    }
}

/// The schema of a patch: every field of a `T`, none required, each of them or null.
fn patch_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    for name in ["$schema", "title", "required"] {
        schema.remove(name);
    }
    if let Some(Value::Object(fields)) = schema.ensure_object().get_mut("properties") {
        for field in fields.values_mut() {
            if let Value::Object(field) = field {
                field.remove("default");
            }
            let patched = json!({ "anyOf": [field.take(), { "type": "null" }] });
            *field = patched;
        }
    }
    schema
}

async fn read_json<S: Send + Sync>(request: Request, state: &S, kinds: &[&str]) -> Result<Value, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kinds.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(Problem::unsupported("send JSON, with the header Content-Type: application/json"));
    }
    let octets = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::unreadable(rejection.body_text()),
    })?;
    serde_json::from_slice(&octets).map_err(|fault| Problem::unreadable(format!("the body is not JSON: {fault}")))
}

/// A record with its version as the entity tag.
#[derive(Debug)]
pub struct Tagged<T>(pub StatusCode, pub Kept<T>);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = (self.0, Json(self.1.view)).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.1.version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: JsonSchema> OperationOutput for Tagged<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<openapi::Response> {
        let mut response = <Json<T> as OperationOutput>::operation_response(ctx, operation)?;
        let format = ParameterSchemaOrContent::Schema(SchemaObject {
            json_schema: json_schema!({ "type": "string" }),
            external_docs: None,
            example: None,
        });
        let tag = openapi::Header {
            description: Some("The record's version, for If-Match.".to_owned()),
            style: HeaderStyle::Simple,
            required: true,
            deprecated: None,
            format,
            example: None,
            examples: Default::default(),
            extensions: Default::default(),
        };
        response.headers.insert("ETag".to_owned(), ReferenceOr::Item(tag));
        Some(response)
    }
}

/// The version a change is made to (If-Match, RFC 9110 section 13.1.1); none means whichever there is.
#[derive(Clone, Copy, Debug)]
pub struct Expected(pub Option<i64>);

impl<S: Sync> FromRequestParts<S> for Expected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        expected(&parts.headers).map(Self)
    }
}

fn expected(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    version
        .map(Some)
        .ok_or_else(|| Problem::parameter("If-Match", "it is no entity tag of ours; give the ETag as it came"))
}

impl OperationInput for Expected {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let about = "The ETag of the version to change; another version is refused with 412.";
        add_parameters(ctx, operation, [header_parameter("If-Match", about, r#"^("[0-9]+"|\*)$"#)]);
    }
}

/// A header in the document, with the pattern of what it takes.
pub fn header_parameter(name: &str, about: &str, pattern: &str) -> Parameter {
    Parameter::Header {
        parameter_data: parameter(name, about, json_schema!({ "type": "string", "pattern": pattern })),
        style: HeaderStyle::Simple,
    }
}

/// A parameter in the document.
pub fn parameter(name: &str, about: &str, schema: schemars::Schema) -> ParameterData {
    ParameterData {
        name: name.to_owned(),
        description: Some(about.to_owned()),
        required: false,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(SchemaObject {
            json_schema: schema,
            external_docs: None,
            example: None,
        }),
        example: None,
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    }
}
