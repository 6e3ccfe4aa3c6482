//! Errors as RFC 9457 problems.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::directory::DirectoryError;
use crate::enrolment::EnrolmentError;

/// An error to be shown: what it is, which field, what is wrong with it and what to do.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    field: Option<&'static str>,
}

impl Problem {
    /// 401: no token, or one that is worth nothing.
    pub fn unauthorized() -> Self {
        let detail = "give a valid token in the header Authorization: Bearer …".to_owned();
        Self { status: StatusCode::UNAUTHORIZED, title: "Not authorized", detail, field: None }
    }

    /// 404.
    pub fn not_found(what: &'static str) -> Self {
        let detail = format!("there is no such {what}");
        Self { status: StatusCode::NOT_FOUND, title: "Not found", detail, field: None }
    }

    /// 400: the request can't be read.
    pub fn unreadable(detail: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, title: "Unreadable request", detail, field: None }
    }

    /// 422: a field's value can't be taken.
    pub fn refused(field: &'static str, detail: String) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, title: "Not acceptable", detail, field: Some(field) }
    }

    fn failed(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed");
        let detail = "the server could not do this now; its log says why".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, title: "Not now", detail, field: None }
    }
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        let (status, title, field) = match &error {
            DirectoryError::Taken { field, .. } => (StatusCode::CONFLICT, "Already used", *field),
            DirectoryError::Refused { field, .. } => (StatusCode::UNPROCESSABLE_ENTITY, "Not acceptable", *field),
            DirectoryError::Db(_) | DirectoryError::Unreadable { .. } => return Self::failed(&error),
        };
        Self { status, title, detail: error.to_string(), field: Some(field) }
    }
}

impl From<EnrolmentError> for Problem {
    fn from(error: EnrolmentError) -> Self {
        Self::failed(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "field": self.field,
        });
        let mut response = (self.status, Json(body)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
