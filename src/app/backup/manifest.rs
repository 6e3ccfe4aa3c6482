//! What a backup says of itself: what made it, when, and each file's size and SHA-256. Knows no archive.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::vocab::UnixMillis;

/// The database's name, in the data folder and in a backup.
pub const DATABASE: &str = "tsunagu.db";
/// The key's name, in the data folder and in a backup.
pub const KEY: &str = "secret.key";
/// The folder of language packs, in the data folder and in a backup.
pub const PACKS: &str = "languages";
/// What this program writes and reads.
pub const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// How a backup is made up.
    pub format: u32,
    /// The version of the program that made it.
    pub version: String,
    /// The version of the database's schema; 0 if the database is not in it.
    pub schema: i64,
    /// When it was made.
    pub made_at: UnixMillis,
    /// The files in it, in their order.
    pub files: Vec<File>,
}

/// A file in a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its size.
    pub octets: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Of the key, the database (if it is a file: then its schema is known) and these files of language packs in `folder`.
    pub fn of(folder: &Path, packs: Vec<String>, schema: Option<i64>, made_at: UnixMillis) -> std::io::Result<Self> {
        let database = schema.map(|_| DATABASE.to_owned());
        let names = [KEY.to_owned()].into_iter().chain(database).chain(packs);
        let files = names.map(|name| {
            let (octets, sha256) = measure(std::fs::File::open(folder.join(&name))?, std::io::sink())?;
            Ok(File { name, octets, sha256 })
        });
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: schema.unwrap_or_default(),
            made_at,
            files: files.collect::<std::io::Result<_>>()?,
        })
    }
}

impl Manifest {
    /// True if what it names is a whole backup and nothing else: nothing that would be put elsewhere.
    pub fn is_whole(&self) -> bool {
        let mut names = self.files.iter().map(|file| file.name.as_str()).peekable();
        let has_key = names.next() == Some(KEY);
        // One of a PostgreSQL has none.
        let _ = names.next_if_eq(&DATABASE);
        has_key && names.all(is_of_a_pack)
    }

    /// True if the database is in it.
    pub fn has_database(&self) -> bool {
        self.files.iter().any(|file| file.name == DATABASE)
    }
}

/// True for `languages/<folder>/<file>`.
fn is_of_a_pack(name: &str) -> bool {
    let is_plain = |part: &&str| !part.is_empty() && *part != "." && *part != ".." && !part.contains('\0');
    let parts: Vec<&str> = name.split('/').collect();
    parts.len() == 3 && parts.first() == Some(&PACKS) && parts.iter().all(is_plain)
}

/// Copies everything; gives its size and its SHA-256 in hexadecimal.
pub fn measure(mut from: impl Read, mut to: impl std::io::Write) -> std::io::Result<(u64, String)> {
    let (mut hash, mut octets, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let read = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        to.write_all(part)?;
        octets += read as u64;
    }
    to.flush()?;
    Ok((octets, hex::encode(hash.finalize())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_packs_have_a_place_beside_key_and_database() {
        assert!(is_of_a_pack("languages/fr/spoken.ftl"));
        for name in [
            "languages/../key",
            "languages/fr/../x",
            "/languages/fr",
            "languages/fr",
            "other/fr/x",
            "x",
            "languages//x",
        ] {
            assert!(!is_of_a_pack(name), "{name}");
        }
    }
}
