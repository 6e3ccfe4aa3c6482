//! Requests to the API and their answers. The only file of the commands that names ureq.
//!
//! What is safe to repeat is repeated: reading, and an addition, which has an Idempotency-Key so that it is done once.

use std::fmt::Write;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::fault::{CommandFault, Said};
use super::members::Members;
use crate::vocab::{Language, Secret};

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take to begin, and to come.
const ANSWER: Duration = Duration::from_secs(120);
/// The longest answer taken, in octets.
const LARGEST: u64 = 256 * 1024 * 1024;
/// Times something is tried in all.
const TRIES: u32 = 4;
/// The largest body the server keeps a key with, in octets.
const LARGEST_KEYED: usize = 2 * 1024 * 1024;
/// The longest wait between two tries, in seconds, whatever the server asks for.
const LONGEST_WAIT: u64 = 60;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Method {
    /// Reads.
    Get,
    /// Adds, or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// Every method, the one most likely meant first.
    pub const ALL: [Self; 5] = [Self::Post, Self::Put, Self::Patch, Self::Get, Self::Delete];

    /// As HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is done.
    pub method: Method,
    /// The path, already encoded, from the root on.
    pub path: String,
    /// The query.
    pub query: Vec<(String, String)>,
    /// The version that is to be changed.
    pub if_match: Option<String>,
    /// The body's media type, and the body.
    pub body: Option<(&'static str, Vec<u8>)>,
}

impl Request {
    /// A request without query and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), if_match: None, body: None }
    }

    /// With a JSON body; a change is a merge patch (RFC 7396).
    pub fn with_json(mut self, body: &Value) -> Self {
        let kind = if self.method == Method::Patch { "application/merge-patch+json" } else { "application/json" };
        self.body = Some((kind, body.to_string().into_bytes()));
        self
    }

    /// True if it may be sent again and is carried out once.
    fn is_keyed(&self) -> bool {
        self.method == Method::Post && self.body.as_ref().is_none_or(|(_, body)| body.len() <= LARGEST_KEYED)
    }

    /// With these parameters.
    pub fn with_query(mut self, query: Vec<(String, String)>) -> Self {
        self.query = query;
        self
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The version of what was answered with.
    pub tag: Option<String>,
    /// Where to look what comes of it.
    pub location: Option<String>,
    /// Seconds to wait before the next try.
    pub retry_after: Option<u64>,
    /// When the server sent it, by its clock: RFC 9110's date.
    pub date: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, if it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Asks one server, as one bearer, in one language.
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    server: String,
    token: Option<Secret>,
    language: String,
}

impl Client {
    /// A client of the server at `http://host:port`.
    pub fn new(server: &str, token: Option<Secret>, language: &Language) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(ANSWER))
            .user_agent(concat!("tsunagu/", env!("CARGO_PKG_VERSION")))
            // A token goes to the server and to nobody on the way.
            .proxy(None)
            .build()
            .into();
        Self { agent, server: server.to_owned(), token, language: language.to_string() }
    }

    /// The server's address, as given.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Asks, and again where that is safe; a refusal is a fault.
    pub fn ask(&self, request: &Request) -> Result<Answer, CommandFault> {
        let answer = self.ask_anyway(request)?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(CommandFault::refused(&answer)) }
    }

    /// Asks, and again where that is safe; a refusal is an answer.
    pub fn ask_anyway(&self, request: &Request) -> Result<Answer, CommandFault> {
        let key = hex::encode(rand::random::<[u8; 16]>());
        let may_repeat = request.method == Method::Get || request.is_keyed();
        let mut wait = Duration::from_millis(500);
        for tries in 1.. {
            let is_last = tries == TRIES;
            match self.once(request, &key) {
                // The server has not looked at it.
                Ok(answer) if answer.status == 429 && !is_last => {
                    wait = Duration::from_secs(answer.retry_after.unwrap_or(1).min(LONGEST_WAIT));
                }
                // Not now, and the server says when.
                Ok(answer) if answer.status == 503 && answer.retry_after.is_some() && may_repeat && !is_last => {}
                // The try before is still being carried out.
                Ok(answer) if answer.status == 409 && tries > 1 && !is_last && names_key(&answer) => {}
                Ok(answer) => return Ok(answer),
                Err(error) if is_last || !may_repeat || is_nobody_there(&error) => return Err(self.unreachable(&error)),
                Err(_) => {}
            }
            std::thread::sleep(wait);
            wait = (wait * 2).min(Duration::from_secs(LONGEST_WAIT));
        }
        Err(CommandFault::Unreachable(Said::new("command-unreachable", &[("server", &self.server), ("why", "")])))
    }

    fn once(&self, request: &Request, key: &str) -> Result<Answer, ureq::Error> {
        let mut url = format!("{}{}", self.server, request.path);
        for (number, (name, value)) in request.query.iter().enumerate() {
            let separator = if number == 0 { '?' } else { '&' };
            let _ = write!(url, "{separator}{}={}", encoded(name), encoded(value));
        }
        let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(url);
        builder = builder.header("Accept-Language", &self.language);
        if let Some(token) = &self.token {
            builder = builder.header("Authorization", format!("Bearer {}", token.expose_secret()));
        }
        if request.is_keyed() {
            builder = builder.header("Idempotency-Key", key);
        }
        if let Some(tag) = &request.if_match {
            builder = builder.header("If-Match", tag);
        }
        let mut response = match &request.body {
            Some((kind, body)) => self.agent.run(builder.header("Content-Type", *kind).body(body.as_slice())?)?,
            None if request.method == Method::Post => self.agent.run(builder.body(&[][..])?)?,
            None => self.agent.run(builder.body(())?)?,
        };
        let body = response.body_mut().with_config().limit(LARGEST).read_to_vec()?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer {
            status: response.status().as_u16(),
            tag: header("etag"),
            location: header("location"),
            retry_after: header("retry-after").and_then(|seconds| seconds.parse().ok()),
            date: header("date"),
            body,
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> CommandFault {
        let why = error.to_string();
        CommandFault::Unreachable(Said::new("command-unreachable", &[("server", &self.server), ("why", &why)]))
    }
}

/// Nothing was sent, since nobody was there.
fn is_nobody_there(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            true
        }
        _ => false,
    }
}

fn names_key(answer: &Answer) -> bool {
    answer.json().is_some_and(|problem| problem.at("field") == "Idempotency-Key")
}

/// Percent-encoded (RFC 3986 section 2.1), for a part of a path or a query.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut done, octet| {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            done.push(char::from(octet));
        } else {
            let _ = write!(done, "%{octet:02X}");
        }
        done
    })
}

/// A path below `/api/v1/` of these parts, each encoded.
pub fn path<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().fold("/api/v1".to_owned(), |path, part| format!("{path}/{}", encoded(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_anything_in_them_stay_one_part_of_a_path() {
        assert_eq!(path(["users", "a/b c?#%"]), "/api/v1/users/a%2Fb%20c%3F%23%25");
        assert_eq!(path(["users", "佐藤"]), "/api/v1/users/%E4%BD%90%E8%97%A4");
    }
}
