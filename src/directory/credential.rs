//! PINs, passwords and codes as they are kept: hashed with Argon2id.

use argon2::password_hash::phc::{ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version, password_hash};
use secrecy::ExposeSecret;

use super::DirectoryError;
use super::hashing;
use crate::vocab::Secret;

/// An Argon2id hash in PHC text form. Safe to store, not to show.
#[derive(Clone)]
pub struct CredentialHash(String);

impl CredentialHash {
    /// Hashes `secret` (19 MiB, two passes: about 20 ms of one core, and a wait where two others hash). `salt` must be random.
    pub fn of(secret: &Secret, salt: &[u8; 16]) -> Result<Self, DirectoryError> {
        let hash = describe(secret, salt);
        hash.map(|hash| Self(hash.to_string()))
            .map_err(|error| DirectoryError::Unreadable { what: "credential", fault: error.to_string() })
    }

    /// Reads one back from the database.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// For the database.
    pub fn as_stored(&self) -> &str {
        &self.0
    }

    /// True if `secret` is what was hashed. As slow as hashing; a hash that can't be read matches nothing, as slowly.
    pub fn matches(&self, secret: &Secret) -> bool {
        is_match(&self.0, secret).unwrap_or_else(|_| {
            Self::waste_as_much(secret);
            false
        })
    }

    /// The same work for somebody who has no hash, so that time doesn't tell who exists.
    pub fn waste_as_much(secret: &Secret) {
        let _ = Self::of(secret, &[0; 16]);
    }
}

fn describe(secret: &Secret, salt: &[u8; 16]) -> password_hash::Result<PasswordHash> {
    let octets = secret.expose_secret().as_bytes();
    let hash = hashing::hash(&Argon2::default(), octets, salt, Params::DEFAULT_OUTPUT_LEN)?;
    Ok(PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&Params::default())?,
        salt: Some(Salt::new(salt)?),
        hash: Some(hash),
    })
}

/// Compares in constant time, with the settings the hash was made with.
fn is_match(stored: &str, secret: &Secret) -> password_hash::Result<bool> {
    let stored = PasswordHash::new(stored)?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return Err(password_hash::Error::EncodingInvalid);
    };
    let version = stored.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(stored.algorithm.as_str().try_into()?, version, Params::try_from(&stored)?);
    Ok(hashing::hash(&argon2, secret.expose_secret().as_bytes(), salt, expected.len())? == *expected)
}

impl std::fmt::Debug for CredentialHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CredentialHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher;

    use super::*;

    #[test]
    fn a_hash_matches_its_secret_and_no_other() {
        let hash = CredentialHash::of(&Secret::from("4711".to_owned()), &[7; 16]).unwrap();
        assert!(hash.as_stored().starts_with("$argon2id$"));
        assert!(hash.matches(&Secret::from("4711".to_owned())));
        assert!(!hash.matches(&Secret::from("4712".to_owned())));
        let same = Argon2::default().hash_password_with_salt(b"4711", &[7; 16]).unwrap();
        assert_eq!(hash.as_stored(), same.to_string(), "as anything else that knows Argon2id writes it");
        assert!(!CredentialHash::from_stored("nonsense".to_owned()).matches(&Secret::from("4711".to_owned())));
    }
}
