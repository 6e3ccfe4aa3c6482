//! Administrators' bearer tokens: kept as hashes.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::vocab::Secret;
use secrecy::ExposeSecret;

/// The SHA-256 of a token. A token has 256 random bits, so a fast hash keeps it safe.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of `token`.
    pub fn of(token: &Secret) -> Self {
        Self(hex::encode(Sha256::digest(token.expose_secret().as_bytes())))
    }

    /// For the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a token may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Administer,
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "administer" => Ok(Self::Administer),
            _ => Err(()),
        }
    }
}
