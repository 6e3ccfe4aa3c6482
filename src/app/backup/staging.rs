//! A folder where files are made before they appear under their names. It goes away with what is still in it.

use std::fs::{DirBuilder, File, OpenOptions};
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

/// A new file that only its owner may read.
pub fn new_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A folder that only its owner may look into, if it isn't there.
pub fn make_folder(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
