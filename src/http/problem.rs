//! Errors as RFC 9457 problems.

use std::borrow::Cow;

use aide::OperationOutput;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::language::Reader;
use crate::cti::ServiceFault;
use crate::directory::{DirectoryError, Fault};
use crate::enrolment::{EnrolmentError, Objection};
use crate::locale::{Value, Words};

/// The media type of a problem.
pub const PROBLEM: &str = "application/problem+json";

/// An error to be shown: what it is, which field, what is wrong with it and what to do.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    /// Names it in `type`, and in the words of the reader's language.
    code: Cow<'static, str>,
    title: &'static str,
    detail: String,
    field: Option<Box<str>>,
    retry_after: Option<u32>,
    /// What the words of other languages need.
    arguments: Vec<(Cow<'static, str>, String)>,
}

/// A problem as it is sent (RFC 9457).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument {
    /// What kind of problem it is: `urn:tsunagu:problem:` and a code.
    r#type: String,
    /// The kind in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// The field or parameter that is wrong.
    field: Option<String>,
    /// Which case of this kind it is, where there are several: a name from the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let (code, detail) = (code.into(), detail.into());
        Self { status, code, title, detail, field: None, retry_after: None, arguments: Vec::new() }
    }

    fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into().into_boxed_str());
        self
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.arguments.push((name.into(), value.into()));
        self
    }

    /// 401: no token, or one that is worth nothing.
    pub fn unauthorized() -> Self {
        let detail = "give a valid token in the header Authorization: Bearer …";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not authorized", detail)
    }

    /// 403: the token's role does not reach so far.
    pub fn forbidden(needed: &'static str) -> Self {
        let detail = format!("this takes a token that may {needed}; ask an administrator for one");
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail).with("needed", needed)
    }

    /// 404.
    pub fn not_found(what: &'static str) -> Self {
        let detail = format!("there is no such {what}");
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail).with("what", what)
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let detail = "this can't be done here; the header Allow says what can";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Not possible here", detail)
    }

    /// 400: the request can't be read.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", "Unreadable request", detail)
    }

    /// 400: a header or parameter can't be taken.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "parameter", "Parameter not acceptable", detail).at(name)
    }

    /// 400: a time zone nobody knows.
    pub fn time_zone(given: &str) -> Self {
        let detail = format!(
            "there is no time zone \"{given}\"; name one as the IANA database does, such as Asia/Tokyo, Europe/Berlin or UTC"
        );
        Self::parameter("time_zone", detail).saying("time-zone").with("value", given)
    }

    /// 401: a login nobody has, or a wrong password.
    pub fn wrong_login() -> Self {
        let detail = "the login or the password is wrong";
        Self::new(StatusCode::UNAUTHORIZED, "login", "Not logged in", detail)
    }

    /// 409: no mail server is set.
    pub fn no_mail() -> Self {
        let detail = "this server sends no mail; ask an administrator for a new password";
        Self::new(StatusCode::CONFLICT, "no-mail", "No mail", detail)
    }

    /// 422: a reminder's token that is none, or no longer.
    pub fn no_reminder() -> Self {
        let detail = "the token is wrong, used or too old; ask for another reminder";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no-reminder", "Not acceptable", detail).at("token")
    }

    /// 409: a line whose phone has no password of ours.
    pub fn no_password() -> Self {
        let detail = "its phone takes no configuration and has no password here; set it up anew instead";
        Self::new(StatusCode::CONFLICT, "no-password", "No password here", detail)
    }

    /// 409: a name that is more than one record's.
    pub fn ambiguous(name: &str, names: &str) -> Self {
        let detail = format!("several are named \"{name}\"; give the identifier of one: {names}");
        Self::new(StatusCode::CONFLICT, "ambiguous", "Not clear which", detail).with("name", name).with("names", names)
    }

    /// 415: the body is of a kind that is not taken.
    pub fn unsupported(detail: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", "Unsupported body", detail)
    }

    /// 413.
    pub fn too_large() -> Self {
        let detail = "the body is larger than 2 MiB; send less at once";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", detail)
    }

    /// 413, of a file.
    pub fn file_too_large() -> Self {
        let detail = "the file is larger than 32 MiB; send it in parts";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "file-too-large", "Too large", detail)
    }

    /// 503: as many jobs as may wait are waiting.
    pub fn busy() -> Self {
        let detail = "four jobs wait or run; try again when one has ended";
        Self { retry_after: Some(10), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "jobs-waiting", "Not now", detail) }
    }

    /// 409: a job that has ended can't be cancelled.
    pub fn job_ended() -> Self {
        Self::new(StatusCode::CONFLICT, "job-ended", "Ended", "the job has ended; nothing is left to cancel")
    }

    /// The same with other words.
    #[must_use]
    pub fn saying(mut self, code: &'static str) -> Self {
        self.code = code.into();
        self
    }

    /// 409: the idempotency key belongs to another request, or to one whose outcome is not known yet.
    pub fn key_in_use(detail: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, "idempotency-key", "Idempotency key in use", detail).at("Idempotency-Key")
    }

    /// 429.
    pub fn too_many(seconds: u32) -> Self {
        let detail = format!("too many requests; try again in {seconds} s");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests", detail);
        Self { retry_after: Some(seconds), ..problem.with("seconds", seconds.to_string()) }
    }

    /// 429: as many follow the events as may.
    pub fn too_many_subscribers() -> Self {
        let detail = "as many programs follow the events as may at once; end one of them, or try again later";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-subscribers", "Too many subscribers", detail);
        Self { retry_after: Some(30), ..problem }
    }

    fn failed(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed");
        let detail = "the server could not do this now; its log says why";
        Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "failed", "Not now", detail) }
    }

    /// In the words of a reader's language; English is what stands in the code.
    fn document(&self, words: Option<&Words>) -> ProblemDocument {
        let arguments = || self.arguments.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
        let say = |what: &str, english: &str| {
            let said = words.and_then(|words| found(words, what, &self.code, self.field.as_deref(), arguments()));
            said.unwrap_or_else(|| english.to_owned())
        };
        ProblemDocument {
            r#type: format!("urn:tsunagu:problem:{}", self.code),
            title: say("title", self.title),
            status: self.status.as_u16(),
            detail: say("detail", &self.detail),
            field: self.field.as_deref().map(str::to_owned),
            reason: self.arguments.iter().find(|(name, _)| *name == "reason").map(|(_, reason)| reason.to_string()),
        }
    }
}

/// What is wrong and what to do, in the words of a language.
fn found<'a>(
    words: &Words,
    what: &str,
    code: &str,
    field: Option<&'a str>,
    given: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Option<String> {
    let exactly = given.clone().find(|(name, _)| *name == "fault").and_then(|(_, fault)| kind_of_value(fault));
    let exactly = exactly.map(|kind| format!("problem-{what}-{code}-{kind}"));
    let arguments: Vec<(&str, Value<'_>)> =
        given.chain(field.map(|field| ("field", field))).map(|(name, value)| (name, value.into())).collect();
    let ids = exactly.into_iter().chain([format!("problem-{what}-{code}")]);
    ids.into_iter().find_map(|id| words.find(&id, &arguments))
}

/// What a value that has the wrong form was meant to be: a fault starts with it, as in "directory number: …".
fn kind_of_value(fault: &str) -> Option<String> {
    let (kind, _) = fault.split_once(": ")?;
    let is_word = kind.bytes().all(|octet| octet.is_ascii_alphabetic() || matches!(octet, b' ' | b'-'));
    is_word.then(|| kind.to_ascii_lowercase().replace(' ', "-"))
}

/// A fault in the words of a language; those it lacks, in English.
pub fn in_words_of(words: &Words, fault: &Fault) -> String {
    let given = fault.arguments.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
    let said = found(words, "detail", &fault.code, fault.field.as_deref(), given);
    said.unwrap_or_else(|| fault.detail.clone())
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        let (status, title) = match &error {
            DirectoryError::Taken { .. } => (StatusCode::CONFLICT, "Already used"),
            DirectoryError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "Not acceptable"),
            DirectoryError::NotFound { what } => return Self::not_found(what),
            DirectoryError::Outdated { .. } => (StatusCode::PRECONDITION_FAILED, "Changed meanwhile"),
            DirectoryError::InUse { .. } => (StatusCode::CONFLICT, "In use"),
            DirectoryError::Listing(fault) => return Self::parameter(&fault.parameter, error.to_string()),
            DirectoryError::Db(_) | DirectoryError::OtherKey | DirectoryError::Unreadable { .. } => {
                return Self::failed(&error);
            }
        };
        match Fault::of(&error) {
            Some(Fault { code, field, detail, arguments }) => {
                let field = field.map(String::into_boxed_str);
                Self { status, code, title, detail, field, retry_after: None, arguments }
            }
            None => Self::failed(&error),
        }
    }
}

impl From<ServiceFault> for Problem {
    fn from(fault: ServiceFault) -> Self {
        let detail = fault.to_string();
        match fault {
            ServiceFault::Directory(error) => error.into(),
            ServiceFault::Dialogue(_) => Self::failed(&fault),
            fault => Self::new(StatusCode::CONFLICT, "service", "The service can't run", detail)
                .with("reason", fault.code())
                .with("name", fault.subject()),
        }
    }
}

impl From<EnrolmentError> for Problem {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Directory(error) => error.into(),
            error => Self::failed(&error),
        }
    }
}

impl From<Objection> for Problem {
    fn from(objection: Objection) -> Self {
        let status = match objection {
            Objection::NoSuchPhone(_) | Objection::NoSuchUser(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        let detail = objection.to_string();
        let problem = Self::new(status, "enrolment", "The enrolment can't be changed so", detail);
        Self {
            field: objection.field().map(Into::into),
            arguments: [("reason", objection.code().to_owned())]
                .into_iter()
                .chain(objection.arguments())
                .map(|(name, value)| (name.into(), value))
                .collect(),
            ..problem
        }
    }
}

/// What refusals a path may give, the document says path by path.
impl OperationOutput for Problem {
    type Inner = ProblemDocument;
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = answer(self.status, &self.document(None));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

fn answer(status: StatusCode, document: &ProblemDocument) -> Response {
    let mut response = (status, Json(document)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    response
}

/// Says problems in the reader's language.
pub async fn in_words(Reader(words): Reader, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let mut said = answer(problem.status, &problem.document(Some(&words)));
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            said.headers_mut().insert(name, value.clone());
        }
    }
    if let Ok(language) = HeaderValue::from_str(&words.language().to_string()) {
        said.headers_mut().insert(header::CONTENT_LANGUAGE, language);
    }
    said
}
