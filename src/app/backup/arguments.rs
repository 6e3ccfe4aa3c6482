//! The words of `tsunagu backup` and `tsunagu restore`.

use std::path::PathBuf;

use clap::Args;

use crate::db::DatabaseUrl;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// The file to make; nothing that is there is overwritten.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "tsunagu-data")]
    pub data_dir: PathBuf,
    /// The server's configuration file: says where the database is, if it is not in the data folder.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The server's PostgreSQL, as `database.url` of the configuration. A backup is then of key and language packs only.
    #[arg(long, value_name = "URL", env = "TSUNAGU_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The backup.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The folder to fill; empty, or made.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
}
