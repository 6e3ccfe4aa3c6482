//! One line's name and password, and what the server last challenged it with: puts answers on requests.
//!
//! Pure: client nonces are passed in. Registration and every call keep one of these each, because nonce counts are theirs.

use super::digest::{Challenge, Signature};
use super::error::PhoneError;
use super::message::{Message, Start};
use super::options::Account;
use crate::vocab::Secret;

/// Answers to challenges given in a row, before the phone gives up.
const MOST_ANSWERS: u32 = 3;

/// The credentials of one line and the challenge in force.
pub struct Credentials {
    auth_name: String,
    password: Option<Secret>,
    challenge: Option<InForce>,
    answers: u32,
}

struct InForce {
    challenge: Challenge,
    header: &'static str,
    uses: u32,
}

impl Credentials {
    /// Not challenged yet.
    pub fn new(account: &Account) -> Self {
        Self { auth_name: account.auth_name.clone(), password: account.password.clone(), challenge: None, answers: 0 }
    }

    /// Signs a request, if a challenge is in force: also the next request, before it is asked (RFC 7616 section 3.6).
    pub fn sign(&mut self, request: &mut Message, cnonce: &str) {
        let (Some(in_force), Some(password)) = (&mut self.challenge, &self.password) else { return };
        let Start::Request { method, uri } = &request.start else { return };
        in_force.uses = in_force.uses.saturating_add(1);
        let answer = in_force.challenge.answer(&Signature {
            username: &self.auth_name,
            password,
            method,
            uri,
            cnonce,
            nonce_count: in_force.uses,
        });
        request.set(in_force.header, answer);
    }

    /// Takes the challenge of a 401 or 407. An error where it cannot be met: no password, nothing understood, or the
    /// answer just given was wrong.
    pub fn take_challenge(&mut self, response: &Message) -> Result<(), PhoneError> {
        let (asked_in, header) = match response.status() {
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => ("WWW-Authenticate", "Authorization"),
        };
        let refused = || refusal(response);
        if self.password.is_none() {
            return Err(refused());
        }
        let challenge = Challenge::first(response.all(asked_in)).ok_or_else(refused)?;
        // A second challenge after a fresh answer means a wrong password, unless the nonce was stale or never tried.
        let tried = self.challenge.as_ref().is_some_and(|in_force| in_force.uses > 0 && self.answers > 0);
        if (tried && !challenge.stale) || self.answers >= MOST_ANSWERS {
            return Err(refused());
        }
        self.answers += 1;
        self.challenge = Some(InForce { challenge, header, uses: 0 });
        Ok(())
    }

    /// A request got past the challenge: the next one may be challenged anew.
    pub fn accepted(&mut self) {
        self.answers = 0;
    }
}

/// The error a non-2xx final response is.
pub fn refusal(response: &Message) -> PhoneError {
    PhoneError::Refused {
        method: response.method().to_owned(),
        status: response.status(),
        reason: response.reason().to_owned(),
        warning: response.header("Warning").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(password: Option<&str>) -> Account {
        Account {
            server: "h".to_owned(),
            number: "4001".to_owned(),
            auth_name: "4001".to_owned(),
            password: password.map(|text| Secret::from(text.to_owned())),
            display_name: String::new(),
        }
    }

    fn challenge(extra: &str) -> Message {
        let text = format!(
            "SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\nWWW-Authenticate: Digest realm=\"r\", qop=\"auth\", {extra}\r\n\r\n"
        );
        Message::parse(text.as_bytes()).unwrap()
    }

    fn signed(credentials: &mut Credentials) -> String {
        let mut request = Message::request("REGISTER", "sip:h");
        credentials.sign(&mut request, "c");
        request.header("Authorization").unwrap_or_default().to_owned()
    }

    #[test]
    fn a_nonce_is_used_on_with_a_rising_count() {
        let mut credentials = Credentials::new(&account(Some("p")));
        assert_eq!(signed(&mut credentials), "");
        credentials.take_challenge(&challenge("nonce=\"1\"")).unwrap();
        assert!(signed(&mut credentials).contains("nc=00000001"));
        credentials.accepted();
        assert!(signed(&mut credentials).contains("nc=00000002"));
        credentials.take_challenge(&challenge("nonce=\"2\"")).unwrap();
        let answer = signed(&mut credentials);
        assert!(answer.contains("nonce=\"2\"") && answer.contains("nc=00000001"));
    }

    #[test]
    fn a_wrong_password_is_given_up_but_a_stale_nonce_is_not() {
        let mut credentials = Credentials::new(&account(Some("p")));
        credentials.take_challenge(&challenge("nonce=\"1\"")).unwrap();
        signed(&mut credentials);
        credentials.take_challenge(&challenge("nonce=\"2\", stale=true")).unwrap();
        signed(&mut credentials);
        let error = credentials.take_challenge(&challenge("nonce=\"3\"")).unwrap_err();
        assert!(matches!(error, PhoneError::Refused { status: 401, .. }));
    }

    #[test]
    fn a_server_that_says_stale_for_ever_is_given_up() {
        let mut credentials = Credentials::new(&account(Some("p")));
        let met = (0..10).take_while(|_| {
            signed(&mut credentials);
            credentials.take_challenge(&challenge("nonce=\"1\", stale=true")).is_ok()
        });
        assert_eq!(met.count(), 3);
    }

    #[test]
    fn without_a_password_a_challenge_is_a_refusal() {
        assert!(Credentials::new(&account(None)).take_challenge(&challenge("nonce=\"1\"")).is_err());
    }
}
