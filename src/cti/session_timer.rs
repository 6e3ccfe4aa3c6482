//! Session timers (RFC 4028): a call whose other end has vanished does not live for ever. Pure.

use std::time::{Duration, Instant};

use crate::sip::message::{Headers, Request};

/// The least interval anybody may ask for (RFC 4028 section 5).
pub const LEAST: u32 = 90;

/// Who refreshes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refresher {
    Us,
    Them,
}

/// The timer of one session.
#[derive(Clone, Copy, Debug)]
pub struct SessionTimer {
    interval: Duration,
    refresher: Refresher,
    refreshed: Instant,
    is_refreshing: bool,
}

/// What a timer wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Send a refresh.
    Refresh,
    /// End the call.
    Expired,
}

impl SessionTimer {
    /// What an INVITE or UPDATE asks for, as its receiver: the timer and the header for the answer. `Err` with 422's Min-SE
    /// if the interval is too small. `None` if the other side knows no timers.
    pub fn answering(request: &Request, longest: u32, now: Instant) -> Result<Option<(Self, String)>, u32> {
        let headers = &request.headers;
        if !supports_timer(headers) {
            return Ok(None);
        }
        let asked = headers.get("Session-Expires").and_then(interval);
        if asked.is_some_and(|seconds| seconds < LEAST) {
            return Err(LEAST);
        }
        let floor = headers.get("Min-SE").and_then(interval).unwrap_or(LEAST).max(LEAST);
        let seconds = asked.unwrap_or(longest).min(longest).max(floor);
        let wants_us = headers.get("Session-Expires").is_some_and(|value| {
            value.split(';').skip(1).any(|param| param.replace(' ', "").eq_ignore_ascii_case("refresher=uas"))
        });
        let (refresher, word) = if wants_us { (Refresher::Us, "uas") } else { (Refresher::Them, "uac") };
        let timer =
            Self { interval: Duration::from_secs(seconds.into()), refresher, refreshed: now, is_refreshing: false };
        Ok(Some((timer, format!("{seconds};refresher={word}"))))
    }

    /// The session was refreshed by either side.
    pub fn refreshed(&mut self, now: Instant) {
        self.refreshed = now;
        self.is_refreshing = false;
    }

    /// When to look again.
    pub fn deadline(&self) -> Instant {
        match self.refresher {
            Refresher::Us if !self.is_refreshing => self.refreshed + self.interval / 2,
            _ => self.expiry(),
        }
    }

    /// A little before the interval is over, so that the BYE arrives in it (section 10).
    fn expiry(&self) -> Instant {
        self.refreshed + self.interval - (self.interval / 3).min(Duration::from_secs(32))
    }

    /// What is due now.
    pub fn due(&mut self, now: Instant) -> Due {
        match () {
            () if now >= self.expiry() => Due::Expired,
            () if self.refresher == Refresher::Us && !self.is_refreshing && now >= self.deadline() => {
                self.is_refreshing = true;
                Due::Refresh
            }
            () => Due::Nothing,
        }
    }

    /// The header for a refresh of ours.
    pub fn header(&self) -> String {
        format!("{};refresher=uac", self.interval.as_secs())
    }
}

fn supports_timer(headers: &Headers) -> bool {
    let tags = headers.list("Supported").into_iter().chain(headers.list("Require"));
    tags.into_iter().any(|tag| tag.eq_ignore_ascii_case("timer"))
}

fn interval(value: &str) -> Option<u32> {
    value.split(';').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Method, RequestUri};

    fn invite(headers: &[(&str, &str)]) -> Request {
        let mut request = Request::new(Method::Invite, RequestUri::Tel("2000".to_owned()));
        for (name, value) in headers {
            request.headers.push(name, value);
        }
        request
    }

    #[test]
    fn an_interval_too_small_is_refused_with_the_least_one() {
        let request = invite(&[("Supported", "timer"), ("Session-Expires", "30")]);
        assert!(matches!(SessionTimer::answering(&request, 1800, Instant::now()), Err(90)));
    }

    #[test]
    fn the_other_side_refreshes_unless_it_asks_us_to() {
        let now = Instant::now();
        let request = invite(&[("k", "timer"), ("x", "600")]);
        let (mut theirs, header) = SessionTimer::answering(&request, 1800, now).unwrap().unwrap();
        assert_eq!(header, "600;refresher=uac");
        assert_eq!(theirs.due(now + Duration::from_secs(400)), Due::Nothing);
        assert_eq!(theirs.due(now + Duration::from_secs(568)), Due::Expired);
        let request = invite(&[("k", "timer"), ("x", "600;refresher=uas")]);
        let (mut ours, _) = SessionTimer::answering(&request, 1800, now).unwrap().unwrap();
        assert_eq!(ours.due(now + Duration::from_secs(300)), Due::Refresh);
        ours.refreshed(now + Duration::from_secs(300));
        assert_eq!(ours.due(now + Duration::from_secs(590)), Due::Nothing);
    }

    #[test]
    fn a_caller_without_timers_gets_none() {
        assert!(SessionTimer::answering(&invite(&[]), 1800, Instant::now()).unwrap().is_none());
    }
}
