//! Registering (RFC 3261 section 10.2): what REGISTER to send next, and what a response to it means.
//!
//! The core is pure: it is given client nonces and responses. [`exchange`] carries it to the server.

use std::sync::Arc;
use std::time::Duration;

use super::agent::{Agent, resolve, token};
use super::client::ClientTransaction;
use super::credentials::{Credentials, refusal};
use super::error::PhoneError;
use super::fields::{param, split_host_port, split_outside, uri};
use super::message::Message;
use super::options::{Account, SipTransport};

/// REGISTERs sent for one registration at the most: challenges, shorter and longer expiries, a new address, repetitions.
const MOST_TRIES: u32 = 8;
/// Tries where the server is busy or silent.
const MOST_RETRIES: u32 = 3;
/// The longest pause before such a try, whatever Retry-After says.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest expiry a server can ask for by Min-Expires, seconds.
const LONGEST_EXPIRY: u32 = 86_400;

/// The registration of one account: its Call-ID, sequence and credentials go on through its life.
pub struct Registration {
    account: Account,
    call_id: String,
    tag: String,
    sequence: u32,
    expires: u32,
    credentials: Credentials,
}

/// What a final response to REGISTER asks for.
#[derive(Debug)]
pub enum Next {
    /// Registered for so many seconds; 0 after an unregistration.
    Done(u32),
    /// Send again at once: authorised, or with another expiry.
    Again,
    /// The server cannot now; send again after the pause.
    Later(Duration, PhoneError),
    /// It won't.
    GiveUp(PhoneError),
}

impl Registration {
    /// A registration not begun. `call_id` and `tag` must be random; `expires` in seconds.
    pub fn new(account: Account, call_id: String, tag: String, expires: u32) -> Self {
        Self { credentials: Credentials::new(&account), account, call_id, tag, sequence: 0, expires }
    }

    /// Whose registration it is.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The next REGISTER, without Via. `ends` takes the binding away.
    pub fn request(&mut self, contact: &str, ends: bool, cnonce: &str) -> Message {
        self.sequence += 1;
        let (host, port) = split_host_port(&self.account.server).unwrap_or_else(|| (self.account.server.clone(), 5060));
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let registrar = if port == 5060 { format!("sip:{host}") } else { format!("sip:{host}:{port}") };
        let address_of_record = name_addr(&self.account.display_name, &format!("sip:{}@{host}", self.account.number));
        let mut request = Message::request("REGISTER", &registrar);
        request.push("Max-Forwards", "70");
        request.push("From", format!("{address_of_record};tag={}", self.tag));
        request.push("To", address_of_record);
        request.push("Call-ID", self.call_id.clone());
        request.push("CSeq", format!("{} REGISTER", self.sequence));
        request.push("Contact", contact);
        request.push("Expires", if ends { "0".to_owned() } else { self.expires.to_string() });
        self.credentials.sign(&mut request, cnonce);
        request
    }

    /// What a final response means. `contact` is the URI registered.
    pub fn take(&mut self, response: &Message, contact: &str) -> Next {
        match response.status() {
            200..300 => {
                self.credentials.accepted();
                Next::Done(granted(response, contact).unwrap_or(self.expires))
            }
            401 | 407 => match self.credentials.take_challenge(response) {
                Ok(()) => Next::Again,
                Err(error) => Next::GiveUp(error),
            },
            423 => {
                let least = response.header("Min-Expires").and_then(|text| text.parse().ok()).unwrap_or(0);
                if (self.expires + 1..=LONGEST_EXPIRY).contains(&least) {
                    self.expires = least;
                    return Next::Again;
                }
                Next::GiveUp(refusal(response))
            }
            408 | 480 | 500 | 503 | 504 => {
                let pause =
                    response.header("Retry-After").and_then(|text| text.split([' ', ';', '(']).next()?.parse().ok());
                let pause = Duration::from_secs(pause.unwrap_or(1));
                Next::Later(pause.min(LONGEST_PAUSE), refusal(response))
            }
            _ => Next::GiveUp(refusal(response)),
        }
    }
}

/// When to refresh a registration of so many seconds: early enough for a lost packet or two.
pub fn refresh_after(expires: u32) -> Duration {
    let spare = (expires / 5).clamp(1, 60).min(expires.saturating_sub(1));
    Duration::from_secs(u64::from((expires - spare).max(1)))
}

/// A name-addr, with the display name quoted where there is one.
pub fn name_addr(display_name: &str, uri: &str) -> String {
    match display_name {
        "" => format!("<{uri}>"),
        name => format!("\"{}\" <{uri}>", name.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// The seconds granted to `contact`: its own parameter, else the Expires header.
fn granted(response: &Message, contact: &str) -> Option<u32> {
    let contacts = || response.all("Contact").flat_map(|value| split_outside(value, ','));
    let own = contacts().find(|value| uri(value) == uri(contact));
    let seconds =
        own.and_then(|value| param(value, "expires")).or_else(|| response.header("Expires").map(str::to_owned))?;
    seconds.parse().ok()
}

/// Registers, or takes the registration away, with everything a phone tries: gives the seconds granted.
pub async fn exchange(agent: &Arc<Agent>, registration: &mut Registration, ends: bool) -> Result<u32, PhoneError> {
    let mut retries = 0;
    for _ in 0..MOST_TRIES {
        let over = agent.line().transport;
        let contact = agent.contact(&registration.account.number);
        let mut request = registration.request(&contact, ends, &token());
        request.push("Via", agent.via(over));
        request.push("User-Agent", agent.options.user_agent.clone());
        request.push("Allow", super::agent::ALLOW);
        let next = match send(agent, &registration.account.server, request, over).await {
            Ok(response) => {
                let moved = agent.learn_address(&response);
                match registration.take(&response, &contact) {
                    // Registered under an address the server can't reach: once more, under the right one.
                    Next::Done(_) if moved && !ends => Next::Again,
                    next => next,
                }
            }
            Err(error @ (PhoneError::NoAnswer { .. } | PhoneError::Unreachable { .. })) => {
                Next::Later(Duration::from_secs(1), error)
            }
            Err(error) => Next::GiveUp(error),
        };
        match next {
            Next::Done(seconds) => return Ok(seconds),
            Next::Again => {}
            Next::Later(_, error) | Next::GiveUp(error) if ends || retries + 1 >= MOST_RETRIES => return Err(error),
            Next::GiveUp(error) => return Err(error),
            Next::Later(pause, _) => {
                retries += 1;
                tokio::time::sleep(pause).await;
            }
        }
    }
    Err(PhoneError::Waited { what: "registration".to_owned(), within: Duration::ZERO })
}

async fn send(agent: &Arc<Agent>, server: &str, request: Message, over: SipTransport) -> Result<Message, PhoneError> {
    let peer = resolve(server).await?;
    ClientTransaction::start(agent, request, over, peer).await?.finish().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Secret;

    fn registration() -> Registration {
        let account = Account {
            server: "10.0.0.1:5070".to_owned(),
            number: "4001".to_owned(),
            auth_name: "4001".to_owned(),
            password: Some(Secret::from("p".to_owned())),
            display_name: "A \"B\"".to_owned(),
        };
        Registration::new(account, "call".to_owned(), "tag".to_owned(), 60)
    }

    fn response(text: &str) -> Message {
        Message::parse(format!("SIP/2.0 {text}\r\nCSeq: 1 REGISTER\r\n\r\n").as_bytes()).unwrap()
    }

    #[test]
    fn sequence_rises_and_the_call_id_stays() {
        let mut registration = registration();
        let (first, second) = (registration.request("<sip:c>", false, "c"), registration.request("<sip:c>", true, "c"));
        assert_eq!(first.call_id(), second.call_id());
        assert_eq!((first.cseq(), second.cseq()), (Some((1, "REGISTER")), Some((2, "REGISTER"))));
        assert_eq!((first.header("Expires"), second.header("Expires")), (Some("60"), Some("0")));
        assert_eq!(first.header("To"), Some("\"A \\\"B\\\"\" <sip:4001@10.0.0.1>"));
        assert_eq!(first.summary(), "REGISTER sip:10.0.0.1:5070");
    }

    #[test]
    fn too_short_an_expiry_is_raised_to_what_the_server_wants() {
        let mut registration = registration();
        assert!(matches!(
            registration.take(&response("423 Interval Too Brief\r\nMin-Expires: 300"), "<sip:c>"),
            Next::Again
        ));
        assert_eq!(registration.request("<sip:c>", false, "c").header("Expires"), Some("300"));
        let again = registration.take(&response("423 Interval Too Brief\r\nMin-Expires: 300"), "<sip:c>");
        assert!(matches!(again, Next::GiveUp(PhoneError::Refused { status: 423, .. })));
    }

    #[test]
    fn the_expiry_granted_is_that_of_the_own_contact() {
        let mut registration = registration();
        let ok = "200 OK\r\nExpires: 5\r\nContact: <sip:x@h>;expires=10, \"me\" <sip:4001@10.0.0.9:5060>;expires=42";
        assert!(matches!(registration.take(&response(ok), "<sip:4001@10.0.0.9:5060>"), Next::Done(42)));
        assert!(matches!(registration.take(&response("200 OK\r\nExpires: 5"), "<sip:c>"), Next::Done(5)));
        assert!(matches!(registration.take(&response("200 OK"), "<sip:c>"), Next::Done(60)));
    }

    #[test]
    fn a_busy_server_is_tried_later_and_a_refusal_is_final() {
        let mut registration = registration();
        let busy = registration.take(&response("503 Service Unavailable\r\nRetry-After: 3 (soon)"), "<sip:c>");
        assert!(matches!(busy, Next::Later(pause, _) if pause == Duration::from_secs(3)));
        let refused = registration.take(&response("403 No number free\r\nWarning: 399 t \"pool\""), "<sip:c>");
        let Next::GiveUp(PhoneError::Refused { status: 403, reason, warning, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((reason.as_str(), warning.as_deref()), ("No number free", Some("399 t \"pool\"")));
    }

    #[test]
    fn refreshes_come_before_the_end() {
        for expires in [1, 2, 5, 30, 60, 300, 3600] {
            let after = refresh_after(expires).as_secs();
            assert!(after >= 1 && (after < u64::from(expires) || expires == 1), "{expires}: {after}");
        }
        assert_eq!(refresh_after(3600), Duration::from_secs(3540));
        assert_eq!(refresh_after(60), Duration::from_secs(48));
    }
}
