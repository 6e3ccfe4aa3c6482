//! A backup as one file: a tar archive with the manifest first. The only file that names the tar crate.
//!
//! A backup comes from anywhere: nothing in it says where a file goes, and nothing is read that the manifest doesn't have.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::manifest::{FORMAT, Manifest, measure};
use super::staging::{make_folder, new_file};
use crate::app::client::Members;

/// The archive's name while it is being made.
pub const NAME: &str = "backup.tar";
const MANIFEST: &str = "manifest.json";
/// The largest manifest, in octets.
const LARGEST_MANIFEST: u64 = 4 * 1024 * 1024;

/// Why a file can't be restored.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It can't be read, or what is in it can't be written.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// It is not what a backup is.
    #[error("it is not a backup of ours, or not all of it")]
    NotABackup,
    /// It is of a kind this program doesn't know.
    #[error("it was made by a newer version ({0}); restore it with that one")]
    Newer(String),
    /// A file in it is not the one that was saved.
    #[error("{0} in it is not as it was saved; take another backup")]
    Changed(String),
}

/// Packs `folder`'s files under their manifest.
pub fn pack(folder: &Path, manifest: &Manifest) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(new_file(&folder.join(NAME))?);
    let said = serde_json::to_vec_pretty(manifest).map_err(std::io::Error::other)?;
    archive.append_data(&mut header(said.len() as u64, manifest), MANIFEST, said.as_slice())?;
    for file in &manifest.files {
        archive.append_data(&mut header(file.octets, manifest), &file.name, File::open(folder.join(&file.name))?)?;
    }
    archive.into_inner()?.sync_all()
}

fn header(octets: u64, manifest: &Manifest) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(octets);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(manifest.made_at.get() / 1000).unwrap_or_default());
    header
}

/// Unpacks a backup into `folder`; every file is the one its manifest tells of.
pub fn unpack(file: &Path, folder: &Path) -> Result<Manifest, ArchiveError> {
    let mut archive = tar::Archive::new(File::open(file)?);
    let mut entries = archive.entries()?;
    let first = entries.next().and_then(Result::ok).filter(|entry| is_named(entry, MANIFEST));
    let mut said = Vec::new();
    first.ok_or(ArchiveError::NotABackup)?.take(LARGEST_MANIFEST).read_to_end(&mut said)?;
    let said: serde_json::Value = serde_json::from_slice(&said).map_err(|_| ArchiveError::NotABackup)?;
    if said.at("format").as_u64().is_some_and(|format| format > u64::from(FORMAT)) {
        return Err(ArchiveError::Newer(said.at("version").as_str().unwrap_or_default().to_owned()));
    }
    let manifest: Manifest = serde_json::from_value(said).map_err(|_| ArchiveError::NotABackup)?;
    if !manifest.is_whole() {
        return Err(ArchiveError::NotABackup);
    }
    for expected in &manifest.files {
        let entry = entries.next().ok_or(ArchiveError::NotABackup)??;
        if !is_named(&entry, &expected.name) {
            return Err(ArchiveError::NotABackup);
        }
        let place = folder.join(&expected.name);
        place.parent().map_or(Ok(()), make_folder)?;
        let made = new_file(&place)?;
        // One octet more than there may be shows that there is more.
        let (octets, sha256) = measure(entry.take(expected.octets + 1), &made)?;
        made.sync_all()?;
        if octets != expected.octets || sha256 != expected.sha256 {
            return Err(ArchiveError::Changed(expected.name.clone()));
        }
    }
    Ok(manifest)
}

fn is_named(entry: &tar::Entry<'_, File>, name: &str) -> bool {
    entry.header().entry_type().is_file() && *entry.path_bytes() == *name.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{DATABASE, KEY};
    use super::*;
    use crate::vocab::UnixMillis;

    fn packed(folder: &Path) -> Manifest {
        std::fs::write(folder.join(KEY), "00").unwrap();
        std::fs::write(folder.join(DATABASE), vec![7; 5000]).unwrap();
        let manifest = Manifest::of(folder, Vec::new(), Some(30), UnixMillis::new(1_700_000_000_000)).unwrap();
        pack(folder, &manifest).unwrap();
        manifest
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let manifest = packed(from.path());
        assert_eq!(unpack(&from.path().join(NAME), to.path()).unwrap(), manifest);
        assert_eq!(std::fs::read(to.path().join(DATABASE)).unwrap(), vec![7; 5000]);
    }

    #[test]
    fn a_changed_or_shortened_backup_is_refused() {
        let from = tempfile::tempdir().unwrap();
        packed(from.path());
        let whole = std::fs::read(from.path().join(NAME)).unwrap();
        let bad = from.path().join("bad.tar");
        let mut changed = whole.clone();
        let place = changed.iter().rposition(|octet| *octet == 7).unwrap();
        changed[place] = 8;
        for octets in [changed.as_slice(), &whole[..whole.len() / 2], &whole[..100], b"", b"no archive at all"] {
            let to = tempfile::tempdir().unwrap();
            std::fs::write(&bad, octets).unwrap();
            assert!(unpack(&bad, to.path()).is_err(), "{} octets", octets.len());
        }
    }

    #[test]
    fn nothing_gets_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = packed(folder.path());
        let mut header = header(1, &manifest);
        let name = b"../escaped";
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
        header.set_cksum();
        let bad = folder.path().join("bad.tar");
        let mut archive = tar::Builder::new(File::create(&bad).unwrap());
        let said = serde_json::to_vec(&manifest).unwrap();
        archive.append_data(&mut super::header(said.len() as u64, &manifest), MANIFEST, said.as_slice()).unwrap();
        archive.append(&header, &b"x"[..]).unwrap();
        archive.into_inner().unwrap();
        let inner = tempfile::tempdir_in(folder.path()).unwrap();
        assert!(matches!(unpack(&bad, inner.path()), Err(ArchiveError::NotABackup)));
        assert!(!folder.path().join("escaped").exists());
    }
}
