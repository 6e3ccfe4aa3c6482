//! A folder where files are made before they appear under their names. It goes away with what is still in it.

use std::fs::{DirBuilder, DirEntry, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder nobody else looks into.
#[derive(Debug)]
pub struct Staging(PathBuf);

impl Staging {
    /// Makes one in `folder`, so that what is made in it can be given its name by a link.
    pub fn make(folder: &Path) -> std::io::Result<Self> {
        let place = folder.join(format!(".tsunagu-{:016x}.partial", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&place)?;
        Ok(Self(place))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// An empty file in it that only its owner may read.
    pub fn empty_file(&self, name: &str) -> std::io::Result<PathBuf> {
        new_file(&self.0.join(name))?;
        Ok(self.0.join(name))
    }

    /// A file in it.
    pub fn write(&self, name: &str, octets: &[u8]) -> std::io::Result<()> {
        new_file(&self.0.join(name))?.write_all(octets)
    }

    /// Copies the files of the folders in `from`, which need not be there, to a folder of that `name` in it. Gives their
    /// names below it. Links are not followed: a backup holds what is in the data folder.
    pub fn copy_folders(&self, from: &Path, name: &str) -> std::io::Result<Vec<String>> {
        let mut copied = Vec::new();
        for folder in inside(from)? {
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for file in inside(&folder.path())? {
                let (Some(folder_name), Some(file_name)) =
                    (folder.file_name().to_str().map(str::to_owned), file.file_name().to_str().map(str::to_owned))
                else {
                    continue;
                };
                if file.file_type()?.is_file() {
                    let copy = format!("{name}/{folder_name}/{file_name}");
                    let place = self.0.join(&copy);
                    place.parent().map_or(Ok(()), make_folder)?;
                    std::io::copy(&mut File::open(file.path())?, &mut new_file(&place)?)?;
                    copied.push(copy);
                }
            }
        }
        Ok(copied)
    }

    /// Gives a folder in it its name, if it is there.
    pub fn publish_folder(&self, name: &str, to: &Path) -> std::io::Result<()> {
        match std::fs::rename(self.0.join(name), to) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        }
    }

    /// Gives a file in it its name, durably; one that is there already stays, and is an error.
    pub fn publish(&self, name: &str, to: &Path) -> std::io::Result<()> {
        let from = self.0.join(name);
        File::open(&from)?.sync_all()?;
        match std::fs::hard_link(&from, to) {
            // A file system without links.
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists && !to.exists() => {
                std::fs::rename(&from, to)?;
            }
            linked => linked?,
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is in a folder, in the order of its names; nothing if it isn't there.
fn inside(folder: &Path) -> std::io::Result<Vec<DirEntry>> {
    let mut found = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.collect::<std::io::Result<Vec<_>>>()?,
    };
    found.sort_by_key(DirEntry::file_name);
    Ok(found)
}

/// A new file that only its owner may read.
pub fn new_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A folder that only its owner may look into, if it isn't there.
pub fn make_folder(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
