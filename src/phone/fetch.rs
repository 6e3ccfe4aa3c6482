//! Fetches a configuration over HTTP as a phone's firmware does. The only file that names ureq.

use std::time::{Duration, Instant};

use super::error::PhoneError;

/// The longest configuration taken, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// From the request to the last byte.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tries where the door doesn't answer at all.
const TRIES: u32 = 3;

/// A file as fetched.
pub struct Fetched {
    /// The body.
    pub body: Vec<u8>,
    /// From the request to the last byte.
    pub took: Duration,
}

/// Fetches `url`; tries again where nobody answers, but takes a refusal for an answer.
pub async fn fetch(url: String, user_agent: String) -> Result<Fetched, PhoneError> {
    let mut pause = Duration::from_millis(250);
    for _ in 1..TRIES {
        match once(url.clone(), user_agent.clone()).await {
            Err(PhoneError::Fetch(_)) => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause *= 4;
    }
    once(url, user_agent).await
}

async fn once(url: String, user_agent: String) -> Result<Fetched, PhoneError> {
    let job = move || {
        let started = Instant::now();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .user_agent(user_agent)
            .proxy(None)
            .max_redirects(5)
            .build();
        let body = ureq::Agent::new_with_config(config)
            .get(&url)
            .call()
            .and_then(|mut response| response.body_mut().with_config().limit(LARGEST).read_to_vec())
            .map_err(|error| match error {
                ureq::Error::StatusCode(status) => PhoneError::FetchRefused(status),
                // The words of a bad URL's error hold the URL, which may hold a token.
                ureq::Error::BadUri(_) => PhoneError::Fetch("the URL is not a plain http URL".to_owned()),
                other => PhoneError::Fetch(other.to_string()),
            })?;
        Ok(Fetched { body, took: started.elapsed() })
    };
    tokio::task::spawn_blocking(job).await.unwrap_or_else(|error| Err(PhoneError::Fetch(error.to_string())))
}
