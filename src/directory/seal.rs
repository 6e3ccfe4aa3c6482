//! Secrets that must be read again (SIP passwords), sealed with a key that is not in the database; and marks for what
//! must be known again but never read.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::DirectoryError;
use crate::vocab::Secret;

const KEY_LENGTH: usize = 32;

/// Seals and opens secrets with ChaCha20-Poly1305 (RFC 8439), and marks texts with HMAC-SHA-256 (RFC 2104).
#[derive(Clone)]
pub struct Sealer {
    key: [u8; KEY_LENGTH],
    marker: Hmac<Sha256>,
}

impl Sealer {
    /// With the key given.
    pub fn new(key: [u8; KEY_LENGTH]) -> Self {
        // Marks have a key of their own, made from the one there is.
        let mut derived = keyed(key);
        derived.update(b"tsunagu marks");
        let marker = keyed(derived.finalize().into_bytes().into());
        Self { key, marker }
    }

    /// What stands in the database for a text that must not be there, 64 hexadecimal digits: the same for the same text and
    /// purpose, and without the key no way to tell which text it was, however few there may be.
    pub fn mark(&self, purpose: &str, text: &str) -> String {
        let mut marker = self.marker.clone();
        // The length parts the two: no purpose and text make the same octets as another pair.
        marker.update(&(purpose.len() as u64).to_be_bytes());
        marker.update(purpose.as_bytes());
        marker.update(text.as_bytes());
        hex::encode(marker.finalize().into_bytes())
    }

    /// Another with a key of its own for one purpose, made from this one's: neither opens what the other has sealed.
    pub fn derived(&self, purpose: &str) -> Self {
        let mut marker = self.marker.clone();
        marker.update(b"tsunagu key for ");
        marker.update(purpose.as_bytes());
        Self::new(marker.finalize().into_bytes().into())
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
    pub fn seal(&self, secret: &Secret, nonce: [u8; NONCE_LEN]) -> Result<String, DirectoryError> {
        let mut sealed = secret.expose_secret().as_bytes().to_vec();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.cipher()
            .and_then(|cipher| cipher.seal_in_place_append_tag(nonce_used, Aad::empty(), &mut sealed))
            .map_err(|Unspecified| DirectoryError::Unreadable {
                what: "secret",
                fault: "it could not be sealed".to_owned(),
            })?;
        Ok(BASE64.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what [`Sealer::seal`] made.
    pub fn open(&self, sealed: &str) -> Result<Secret, DirectoryError> {
        let unreadable = |fault: &str| DirectoryError::Unreadable { what: "secret", fault: fault.to_owned() };
        let octets = BASE64.decode(sealed).map_err(|_| unreadable("it is not base64"))?;
        let (nonce, sealed) = octets.split_first_chunk().ok_or_else(|| unreadable("it is too short"))?;
        let (nonce, mut opened) = (Nonce::assume_unique_for_key(*nonce), sealed.to_vec());
        let length = self
            .cipher()
            .and_then(|cipher| Ok(cipher.open_in_place(nonce, Aad::empty(), &mut opened)?.len()))
            .map_err(|Unspecified| {
                unreadable("it was sealed with another key; restore the key file that belongs to this database")
            })?;
        opened.truncate(length);
        String::from_utf8(opened).map(Secret::from).map_err(|_| unreadable("it is not text"))
    }

    fn cipher(&self) -> Result<LessSafeKey, Unspecified> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.key).map(LessSafeKey::new)
    }
}

/// HMAC fills a shorter key with zeros up to its block (RFC 2104).
fn keyed(key: [u8; KEY_LENGTH]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(kept, octet)| *kept = octet);
    Hmac::new(&block.into())
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

    /// ChaCha20-Poly1305 of "s3cret" by another implementation (the Python package cryptography).
    #[test]
    fn what_was_sealed_stays_readable() {
        let sealed = "CQkJCQkJCQkJCQkJ/bqHAQsUmwd0U99Jn22yqCxDTMcHTw==";
        assert_eq!(Sealer::new([1; 32]).open(sealed).unwrap().expose_secret(), "s3cret");
        assert_eq!(Sealer::new([1; 32]).seal(&Secret::from("s3cret".to_owned()), [9; 12]).unwrap(), sealed);
    }

    #[test]
    fn a_mark_is_the_same_again_and_another_for_another_text_purpose_or_key() {
        let mark = |key, purpose, text| Sealer::new([key; 32]).mark(purpose, text);
        assert_eq!(mark(1, "a", "1001"), mark(1, "a", "1001"));
        for other in [mark(1, "a", "1002"), mark(1, "b", "1001"), mark(2, "a", "1001"), mark(1, "a1", "001")] {
            assert_ne!(mark(1, "a", "1001"), other);
        }
    }

    /// HMAC-SHA-256 of the eight-octet length of "p", "p" and "1001", with the key HMAC-SHA-256(32 times 01, "tsunagu marks");
    /// computed with `openssl dgst -sha256 -mac HMAC`.
    #[test]
    fn a_mark_stays_what_it_was_in_databases_there_are() {
        assert_eq!(
            Sealer::new([1; 32]).mark("p", "1001"),
            "683b352998f15a7cbc5d057285e36726b2743251bd15f4856592ce40f0f3159c"
        );
    }
}
