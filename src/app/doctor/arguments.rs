//! The words of `tsunagu doctor`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::app::client::Connection;
use crate::db::DatabaseUrl;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    #[command(flatten)]
    /// Where, who, how.
    pub connection: Connection,
    /// The server's configuration file: says where it listens. Without it the usual ports are looked at.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The server's data folder, if it is on this machine: its database and its disk are looked at too.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The server's PostgreSQL, as `database.url` of the configuration: it is looked at too.
    #[arg(long, value_name = "URL", env = "TSUNAGU_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
    /// Where phones fetch their files, if it is not where the configuration says.
    #[arg(long, value_name = "URL")]
    pub handset_url: Option<String>,
    /// Where SIP is taken, if it is not where the configuration says.
    #[arg(long, value_name = "HOST:PORT")]
    pub sip: Option<SocketAddr>,
    /// The user profile the test user gets; the system's default if not given.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// A file with the administrators' authentication code, needed where only that is accepted.
    #[arg(long, value_name = "FILE")]
    pub code_file: Option<PathBuf>,
    /// Don't have a virtual phone set up.
    #[arg(long)]
    pub no_enrolment: bool,
}
