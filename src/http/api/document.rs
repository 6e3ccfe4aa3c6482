//! The API's document (OpenAPI 3.1), made from the code, and a page to read and try it.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{
    Components, Info, License, MediaType, OpenApi, Operation, Parameter, PathStyle, ReferenceOr, Response,
    SchemaObject, SecurityScheme, StatusCode as DocumentedStatus,
};
use aide::operation::add_parameters;
use aide::swagger::Swagger;
use aide::transform::{TransformOpenApi, TransformOperation};
use axum::extract::{FromRequestParts, Path};
use axum::http::{StatusCode, request::Parts};
use schemars::{JsonSchema, json_schema};

use super::exchange::{header_parameter, parameter};
use crate::http::problem::{PROBLEM, Problem, ProblemDocument};

/// Refusals every path may give.
const ALWAYS: [u16; 4] = [401, 403, 429, 503];

/// Refusals of a request with an idempotency key.
const WITH_A_KEY: [u16; 3] = [400, 409, 413];

/// The `{name}` of a path: an identifier, or the name people know a record by.
#[derive(Debug)]
pub struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|rejection| Problem::unreadable(rejection.body_text()))
    }
}

impl OperationInput for Named {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let about = "The record's identifier, or the name people know it by.";
        let mut parameter_data = parameter("name", about, json_schema!({ "type": "string", "minLength": 1 }));
        parameter_data.required = true;
        add_parameters(ctx, operation, [Parameter::Path { parameter_data, style: PathStyle::Simple }]);
    }
}

/// What an operation is, and how it may be refused.
pub fn documented<'a>(
    mut op: TransformOperation<'a>,
    tag: &str,
    summary: &str,
    refusals: &[u16],
) -> TransformOperation<'a> {
    op = op.summary(summary).tag(tag).id(&summary.to_lowercase().replace([' ', '-'], "_"));
    for status in refusals.iter().chain(&ALWAYS) {
        may_refuse(op.inner_mut(), *status);
    }
    op
}

fn may_refuse(operation: &mut Operation, status: u16) {
    let reference = format!("#/components/responses/{status}");
    let answer = ReferenceOr::Reference { reference, summary: None, description: None };
    operation.responses.get_or_insert_default().responses.insert(DocumentedStatus::Code(status), answer);
}

/// What is said of the API as a whole.
pub fn describe(api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let mut api = api.security_scheme(
        "token",
        SecurityScheme::Http {
            scheme: "bearer".to_owned(),
            bearer_format: None,
            description: Some("A token, as the first start or POST /tokens shows it.".to_owned()),
            extensions: Default::default(),
        },
    );
    api = api.security_requirement("token");
    let document = api.inner_mut();
    let components = document.components.get_or_insert_default();
    add_problems(components);
    for path in document.paths.iter_mut().flat_map(|paths| paths.paths.values_mut()) {
        let ReferenceOr::Item(path) = path else { continue };
        if let Some(post) = path.post.as_mut().filter(|post| post.security.is_empty()) {
            let about =
                "Makes a repetition safe: the same key with the same request gives the first answer again, for a day.";
            post.parameters.push(ReferenceOr::Item(header_parameter(
                "Idempotency-Key",
                about,
                "^[\\x21-\\x7e]{1,255}$",
            )));
            for status in WITH_A_KEY {
                may_refuse(post, status);
            }
        }
    }
    api
}

/// An empty document to fill.
pub fn blank() -> OpenApi {
    OpenApi {
        info: Info {
            title: "Tsunagu".to_owned(),
            description: Some("Users, phones, self-provisioning and calls. Lists page, filter and sort alike; a record's ETag is its version; errors are problems (RFC 9457) in the language of Accept-Language.".to_owned()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            license: Some(License { name: "MIT".to_owned(), identifier: Some("MIT".to_owned()), ..License::default() }),
            ..Info::default()
        },
        ..OpenApi::default()
    }
}

/// The page to read and try the API.
pub fn page() -> String {
    Swagger::new("openapi.json").with_title("Tsunagu API").html()
}

fn add_problems(components: &mut Components) {
    let name = ProblemDocument::schema_name().into_owned();
    let schema = schemars::schema_for!(ProblemDocument);
    components.schemas.insert(name.clone(), SchemaObject { json_schema: schema, external_docs: None, example: None });
    for status in [400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503] {
        let json_schema = json_schema!({ "$ref": format!("#/components/schemas/{name}") });
        let media = MediaType {
            schema: Some(SchemaObject { json_schema, external_docs: None, example: None }),
            ..MediaType::default()
        };
        let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let response = Response {
            description: words.unwrap_or("Problem").to_owned(),
            content: [(PROBLEM.to_owned(), media)].into_iter().collect(),
            ..Response::default()
        };
        components.responses.insert(status.to_string(), ReferenceOr::Item(response));
    }
}
