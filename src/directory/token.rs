//! Bearer tokens: kept as hashes.

use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::vocab::Secret;

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

/// A new token: `tsu_` and 256 random bits.
pub(super) fn new_token() -> Secret {
    Secret::from(format!("tsu_{}", hex::encode(rand::random::<[u8; 32]>())))
}

/// What a token's bearer may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See everything but secrets.
    View,
    /// See, and run the service: restart, release and push phones, start and cancel enrolments.
    Operate,
    /// Everything.
    Administer,
    /// Control calls, as an application user does.
    Cti,
}

impl Role {
    /// True if it may see.
    pub fn may_view(self) -> bool {
        matches!(self, Self::View | Self::Operate | Self::Administer)
    }

    /// True if it may run the service.
    pub fn may_operate(self) -> bool {
        matches!(self, Self::Operate | Self::Administer)
    }

    /// True if it may change the directory and the settings.
    pub fn may_administer(self) -> bool {
        matches!(self, Self::Administer)
    }
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "view" => Ok(Self::View),
            "operate" => Ok(Self::Operate),
            "administer" => Ok(Self::Administer),
            "cti" => Ok(Self::Cti),
            _ => Err(()),
        }
    }
}

/// Who bears a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bearer {
    /// The token's record.
    pub token: String,
    /// The token's name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}
