//! What the server says to one who must prove who they are.

use std::fmt;

use super::Algorithm;
use super::parameters::Quoted;

/// The value of one WWW-Authenticate or Proxy-Authenticate header. `Display` writes it: `qop="auth"` always, text quoted so
/// that nothing in it can end the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The protection space shown to the user.
    pub realm: String,
    /// From [`super::Nonces::issue`].
    pub nonce: String,
    /// The hash to answer with.
    pub algorithm: Algorithm,
    /// The answer was right but its nonce too old: try again without asking the user.
    pub stale: bool,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (realm, nonce) = (Quoted(&self.realm), Quoted(&self.nonce));
        write!(f, "Digest realm={realm}, nonce={nonce}, algorithm={}, qop=\"auth\"", self.algorithm)?;
        if self.stale { f.write_str(", stale=true") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_written_as_rfc_7616_has_it() {
        let mut challenge = Challenge {
            realm: "tsunagu".to_owned(),
            nonce: "abc123".to_owned(),
            algorithm: Algorithm::Sha256,
            stale: false,
        };
        let plain = "Digest realm=\"tsunagu\", nonce=\"abc123\", algorithm=SHA-256, qop=\"auth\"";
        assert_eq!(challenge.to_string(), plain);
        challenge.stale = true;
        assert_eq!(challenge.to_string(), format!("{plain}, stale=true"));
    }

    #[test]
    fn a_realm_cannot_add_parameters_or_headers() {
        let challenge = Challenge {
            realm: "a\", stale=true\r\nContact: <sip:x@y>".to_owned(),
            nonce: "n".to_owned(),
            algorithm: Algorithm::Md5,
            stale: false,
        };
        assert!(challenge.to_string().starts_with("Digest realm=\"a\\\", stale=trueContact: <sip:x@y>\", nonce="));
    }
}
