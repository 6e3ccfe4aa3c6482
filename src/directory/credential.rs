//! PINs, passwords and codes as they are kept: hashed with Argon2id.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use secrecy::ExposeSecret;

use super::DirectoryError;
use crate::vocab::Secret;

/// An Argon2id hash in PHC text form. Safe to store, not to show.
#[derive(Clone)]
pub struct CredentialHash(String);

impl CredentialHash {
    /// Hashes `secret` (19 MiB, two passes: about 20 ms of one core). `salt` must be random.
    pub fn of(secret: &Secret, salt: &[u8; 16]) -> Result<Self, DirectoryError> {
        Argon2::default()
            .hash_password_with_salt(secret.expose_secret().as_bytes(), salt)
            .map(|hash| Self(hash.to_string()))
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
        match PasswordHash::new(&self.0) {
            Ok(hash) => Argon2::default().verify_password(secret.expose_secret().as_bytes(), &hash).is_ok(),
            Err(_) => {
                Self::waste_as_much(secret);
                false
            }
        }
    }

    /// The same work for somebody who has no hash, so that time doesn't tell who exists.
    pub fn waste_as_much(secret: &Secret) {
        let _ = Self::of(secret, &[0; 16]);
    }
}

impl std::fmt::Debug for CredentialHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CredentialHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_secret_and_no_other() {
        let hash = CredentialHash::of(&Secret::from("4711".to_owned()), &[7; 16]).unwrap();
        assert!(hash.as_stored().starts_with("$argon2id$"));
        assert!(hash.matches(&Secret::from("4711".to_owned())));
        assert!(!hash.matches(&Secret::from("4712".to_owned())));
        assert!(!CredentialHash::from_stored("nonsense".to_owned()).matches(&Secret::from("4711".to_owned())));
    }
}
