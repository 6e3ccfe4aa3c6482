//! HTTP as administrators and phones speak it to the server.

use std::time::Duration;

use serde_json::Value;

/// An answer: every status is one, errors too.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body as text.
    pub body: String,
    /// The headers a test asks for.
    pub headers: ureq::http::HeaderMap,
}

impl Answer {
    /// The body read as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("{fault} in {self:?}"))
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into()
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, ureq::Error> {
    let mut response = response?;
    let body = response.body_mut().read_to_string()?;
    Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
}

/// GET with these headers. `Err` if nobody answers.
pub fn get(url: &str, headers: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
    let request = headers.iter().fold(agent().get(url), |request, (name, value)| request.header(*name, *value));
    answer(request.call())
}

/// POST of JSON with these headers. `Err` if nobody answers.
pub fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, ureq::Error> {
    let request = agent().post(url).header("Content-Type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    answer(request.send(body.to_string()))
}

/// POST of a file with these headers. `Err` if nobody answers.
pub fn post_file(url: &str, headers: &[(&str, &str)], kind: &str, octets: &[u8]) -> Result<Answer, ureq::Error> {
    let request = agent().post(url).header("Content-Type", kind);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    answer(request.send(octets))
}

/// PATCH with a JSON merge patch and these headers. `Err` if nobody answers.
pub fn patch(url: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, ureq::Error> {
    let request = agent().patch(url).header("Content-Type", "application/merge-patch+json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    answer(request.send(body.to_string()))
}

/// DELETE with these headers. `Err` if nobody answers.
pub fn delete(url: &str, headers: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
    let request = headers.iter().fold(agent().delete(url), |request, (name, value)| request.header(*name, *value));
    answer(request.call())
}

/// A figure of a page of `/metrics`, all its labels summed up; 0 where there is none.
pub fn figure(page: &str, name: &str) -> f64 {
    let of_name = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        (rest.starts_with('{') || rest.starts_with(' ')).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    of_name.sum()
}
