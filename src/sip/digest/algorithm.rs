//! The hashes of digest authentication and what is computed with them. It knows no header syntax.

use std::fmt;
use std::str::FromStr;

use md5::Md5;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::vocab::Secret;

/// A digest algorithm this program speaks. Ordered by strength. The `-sess` variants and SHA-512-256 are not spoken:
/// no phone needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, also where a header names none.
    Md5,
    /// SHA-256 (RFC 8760).
    Sha256,
}

/// The algorithm named is not one this program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest algorithm this program speaks; use MD5 or SHA-256")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// The token of RFC 7616, as it stands in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// How many hexadecimal digits a response has.
    pub(super) const fn response_len(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }

    /// The hash of `parts` joined by `:`, in lower-case hexadecimal.
    fn hash(self, parts: &[&str]) -> String {
        fn run<D: Digest>(parts: &[&str]) -> Vec<u8> {
            let mut hasher = D::new();
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    hasher.update(b":");
                }
                hasher.update(part.as_bytes());
            }
            hasher.finalize().to_vec()
        }
        match self {
            Self::Md5 => hex::encode(run::<Md5>(parts)),
            Self::Sha256 => hex::encode(run::<Sha256>(parts)),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In any case, quoted or not, and with or without the hyphen.
impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        match text.trim().trim_matches('"').to_ascii_uppercase().as_str() {
            "MD5" => Ok(Self::Md5),
            "SHA-256" | "SHA256" => Ok(Self::Sha256),
            _ => Err(UnknownAlgorithm),
        }
    }
}

/// The hash of user, realm and password. It is as good as the password within its realm, so it is kept like one: its
/// `Debug` shows nothing and it is wiped when dropped.
#[derive(Clone, Debug)]
pub struct Ha1(Secret);

impl Ha1 {
    /// A hash computed before and kept since, in hexadecimal.
    pub fn from_stored(hex: Secret) -> Self {
        Self(hex)
    }
}

impl ExposeSecret<str> for Ha1 {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// H(user:realm:password) (RFC 7616, section 3.4.2).
pub fn ha1(user: &str, realm: &str, password: &Secret, algorithm: Algorithm) -> Ha1 {
    Ha1(Secret::from(algorithm.hash(&[user, realm, password.expose_secret()])))
}

/// What a response is computed over besides [`Ha1`] and the method.
pub(super) struct Subject<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) nonce: &'a str,
    pub(super) uri: &'a str,
    /// The nonce count as it stands in the header and the client's nonce, with `qop=auth`.
    pub(super) counted: Option<(&'a str, &'a str)>,
}

impl Subject<'_> {
    /// The response in lower-case hexadecimal (RFC 7616, section 3.4.1; without a count RFC 2069's).
    pub(super) fn response(&self, ha1: &Ha1, method: &str) -> String {
        let ha2 = self.algorithm.hash(&[method, self.uri]);
        let ha1 = ha1.expose_secret();
        match self.counted {
            Some((nc, cnonce)) => self.algorithm.hash(&[ha1, self.nonce, nc, cnonce, "auth", &ha2]),
            None => self.algorithm.hash(&[ha1, self.nonce, &ha2]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_is_read_in_every_usual_spelling() {
        for text in ["MD5", "md5", "\"MD5\"", " md5 "] {
            assert_eq!(text.parse(), Ok(Algorithm::Md5), "{text}");
        }
        for text in ["SHA-256", "sha-256", "SHA256", "\"sha256\""] {
            assert_eq!(text.parse(), Ok(Algorithm::Sha256), "{text}");
        }
        for text in ["", "MD5-sess", "SHA-256-sess", "SHA-512-256", "MD5 MD5"] {
            assert_eq!(text.parse::<Algorithm>(), Err(UnknownAlgorithm), "{text}");
        }
    }

    #[test]
    fn the_hash_of_a_password_is_not_shown() {
        let ha1 = ha1("Mufasa", "testrealm@host.com", &Secret::from("Circle Of Life".to_owned()), Algorithm::Md5);
        assert_eq!(ha1.expose_secret(), "939e7578ed9e3c518a452acee763bce9");
        assert!(!format!("{ha1:?}").contains("939e"));
    }
}
