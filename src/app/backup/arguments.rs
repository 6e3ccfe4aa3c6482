//! The words of `tsunagu backup` and `tsunagu restore`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// The file to make; nothing that is there is overwritten.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "tsunagu-data")]
    pub data_dir: PathBuf,
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
