//! One program at a time works in a data folder: a lock the system gives back when the program ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file that is locked.
pub const LOCK_FILE: &str = "tsunagu.lock";

/// A data folder that nobody else works in for as long as this is held.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Why a data folder can't be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody works in it.
    #[error("another server is working in it; stop that one first, or give this one a folder of its own")]
    Held,
    /// The file.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl DataLock {
    /// Locks `folder`, which must be there.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(folder.join(LOCK_FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_until_its_lock_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataLock::take(folder.path()).unwrap();
        assert!(matches!(DataLock::take(folder.path()), Err(LockError::Held)));
        drop(held);
        assert!(DataLock::take(folder.path()).is_ok());
    }
}
