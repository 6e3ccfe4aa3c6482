//! The data folder, and what the first start makes in it.

use std::path::Path;

use serde_json::json;

use crate::db::{Db, DbError};
use crate::directory::{Actor, Directory, DirectoryError, Sealer, read_draft};
use crate::vocab::{Secret, UnixMillis};

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder or the key in it.
    #[error("cannot use the data folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The directory in it.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Opens the data folder: `tsunagu.db`, and `secret.key` which seals the phones' passwords in it. Makes what isn't there.
pub async fn open(folder: &Path) -> Result<Directory, DataError> {
    let unusable = |source| DataError::Folder { folder: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let sealer = Sealer::from_file(&folder.join("secret.key"), rand::random()).map_err(unusable)?;
    let db = Db::open(&folder.join("tsunagu.db")).await?;
    Ok(Directory::open(db, sealer).await?)
}

/// On the first start: an administrator's token, to be shown once. Asked for when nothing can fail any more, or a start
/// that fails would take the token with it.
pub async fn token(directory: &Directory) -> Result<Option<Secret>, DataError> {
    match directory.has_tokens().await? {
        true => Ok(None),
        false => {
            let draft = read_draft(json!({ "name": "first administrator", "role": "administer" }))?;
            let (token, _) = directory.make_token(draft, &Actor::system("first start"), UnixMillis::now()).await?;
            Ok(Some(token))
        }
    }
}
