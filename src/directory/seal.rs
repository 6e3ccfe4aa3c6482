//! Secrets that must be read again (SIP passwords), sealed with a key that is not in the database.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use secrecy::ExposeSecret;

use super::DirectoryError;
use crate::vocab::Secret;

const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 12;

/// Seals and opens secrets with ChaCha20-Poly1305 (RFC 8439).
#[derive(Clone)]
pub struct Sealer(ChaCha20Poly1305);

impl Sealer {
    /// With the key given.
    pub fn new(key: [u8; KEY_LENGTH]) -> Self {
        Self(ChaCha20Poly1305::new(&Key::from(key)))
    }

    /// With the key in `file`, made there from `fresh` random octets if there is none. Only its owner may read the file.
    pub fn from_file(file: &Path, fresh: [u8; KEY_LENGTH]) -> std::io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let mut key = [0; KEY_LENGTH];
                hex::decode_to_slice(text.trim(), &mut key).map_err(|_| {
                    let fault = format!("{} does not hold a key of 64 hexadecimal digits", file.display());
                    std::io::Error::new(std::io::ErrorKind::InvalidData, fault)
                })?;
                Ok(Self::new(key))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut created = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
                created.write_all(hex::encode(fresh).as_bytes())?;
                created.sync_all()?;
                Ok(Self::new(fresh))
            }
            Err(error) => Err(error),
        }
    }

    /// Seals a secret; `nonce` must never be used twice.
    pub fn seal(&self, secret: &Secret, nonce: [u8; NONCE_LENGTH]) -> Result<String, DirectoryError> {
        let sealed = self
            .0
            .encrypt(&Nonce::from(nonce), secret.expose_secret().as_bytes())
            .map_err(|_| DirectoryError::Unreadable { what: "secret", fault: "it could not be sealed".to_owned() })?;
        let mut octets = nonce.to_vec();
        octets.extend_from_slice(&sealed);
        Ok(BASE64.encode(octets))
    }

    /// Opens what [`Sealer::seal`] made.
    pub fn open(&self, sealed: &str) -> Result<Secret, DirectoryError> {
        let unreadable = |fault: &str| DirectoryError::Unreadable { what: "secret", fault: fault.to_owned() };
        let octets = BASE64.decode(sealed).map_err(|_| unreadable("it is not base64"))?;
        let (nonce, sealed) =
            octets.split_first_chunk::<NONCE_LENGTH>().ok_or_else(|| unreadable("it is too short"))?;
        let opened = self.0.decrypt(&Nonce::from(*nonce), sealed).map_err(|_| {
            unreadable("it was sealed with another key; restore the key file that belongs to this database")
        })?;
        String::from_utf8(opened).map(Secret::from).map_err(|_| unreadable("it is not text"))
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_only() {
        let sealed = Sealer::new([1; 32]).seal(&Secret::from("s3cret".to_owned()), [9; 12]).unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_eq!(Sealer::new([1; 32]).open(&sealed).unwrap().expose_secret(), "s3cret");
        assert!(Sealer::new([2; 32]).open(&sealed).is_err());
        assert!(Sealer::new([1; 32]).open("AAAA").is_err());
    }
}
