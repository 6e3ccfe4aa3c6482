//! The command line's words.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::admin::arguments::{ADMIN_HELP, AdminArguments, SERVICE_HELP, ServiceArguments};
use super::backup::arguments::{BackupArguments, RestoreArguments};
use super::deployment::DeploymentCommand;
use super::doctor::arguments::DoctorArguments;
use crate::db::DatabaseUrl;
use crate::vocab::{Language, MacAddress};

/// A new phone becomes its user's phone: SIP registrar, self-provisioning voice service and phone provisioning in one program.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    /// What to do.
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a phone's whole way from its box to its user, on a server of its own.
    #[command(
        after_help = "Examples:\n  tsunagu demo\n  tsunagu demo --keep          leave the server running and try your own phone\n  tsunagu demo --keep --json   tell programs where everything is"
    )]
    Demo(DemoArguments),
    /// Run the server.
    #[command(
        after_help = "Examples:\n  tsunagu serve\n  tsunagu serve --config tsunagu.toml --data-dir /var/lib/tsunagu"
    )]
    Serve(ServeArguments),
    /// Administer a running server: what its API does.
    #[command(after_help = ADMIN_HELP)]
    Admin(AdminArguments),
    /// Operate the self-provisioning service of a running server.
    #[command(arg_required_else_help = true, after_help = SERVICE_HELP)]
    Service(ServiceArguments),
    /// Check a running installation, and say what to mend.
    #[command(
        after_help = "Examples:\n  tsunagu doctor --token-file token --config tsunagu.toml --data-dir /var/lib/tsunagu\n  TSUNAGU_TOKEN=tsu_… tsunagu doctor --json\n\nIt makes a user of its own, has a virtual phone set up for it by calling the service, and takes both away again, also when it is interrupted.\nExit status: 0 all is well; 1 there is something to mend; 2 wrong arguments."
    )]
    Doctor(DoctorArguments),
    /// Save a data folder, while the server runs or not.
    #[command(
        after_help = "Example:\n  tsunagu backup --data-dir /var/lib/tsunagu tsunagu-monday.tar\n\nThe file holds the key that seals phones' passwords: keep it as safe as the data folder.\nExit status: 0 saved; 1 not; 2 wrong arguments."
    )]
    Backup(BackupArguments),
    /// Put a backup into a new data folder.
    #[command(
        after_help = "Example:\n  tsunagu restore tsunagu-monday.tar --data-dir /var/lib/tsunagu\n\nExit status: 0 restored; 1 not, and the folder is as it was; 2 wrong arguments."
    )]
    Restore(RestoreArguments),
    /// Files to run the server with: as a service, in a container.
    #[command(subcommand, arg_required_else_help = true)]
    Deployment(DeploymentCommand),
    /// Run a virtual phone against a server: a smoke test.
    #[command(subcommand, arg_required_else_help = true)]
    Phone(PhoneCommand),
    /// The configuration file.
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// The recordings.
    #[command(subcommand, arg_required_else_help = true)]
    Prompts(PromptsCommand),
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Leave the server running afterwards, until it is interrupted.
    #[arg(long)]
    pub keep: bool,
    /// Tell it as JSON lines.
    #[arg(long)]
    pub json: bool,
    /// The language of the story and the voice: ja or en. By default that of the environment (LANG).
    #[arg(long, value_name = "LANGUAGE")]
    pub lang: Option<Language>,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The configuration file (TOML); without one every setting has its default.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The folder of the database and the key that seals its secrets; made if it isn't there.
    #[arg(long, value_name = "DIR", default_value = "tsunagu-data")]
    pub data_dir: PathBuf,
    /// A PostgreSQL, as `database.url` of the configuration, which it goes before.
    #[arg(long, value_name = "URL", env = "TSUNAGU_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
    /// Where the first start writes the administrator's token, for its owner only, instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub first_token_file: Option<PathBuf>,
}

/// The virtual phone.
#[derive(Debug, Subcommand)]
pub enum PhoneCommand {
    /// Live a phone's whole way: fetch, register, dial, say who it is for, and come back as that user's phone.
    #[command(
        after_help = "Example:\n  TSUNAGU_PIN=2846 tsunagu phone enrol --handset-url http://127.0.0.1:8081 --id 1001\nExit status: 0 enrolled and verified; 1 not; 2 wrong arguments."
    )]
    Enrol(EnrolArguments),
    /// Register with an account typed in, and stay registered for a while.
    #[command(
        after_help = "Example:\n  TSUNAGU_PASSWORD=secret tsunagu phone register --server 127.0.0.1:5060 --number 1001 --auth-name p1"
    )]
    Register(RegisterArguments),
}

/// What every virtual phone is.
#[derive(Debug, Args)]
pub struct VirtualPhone {
    /// Its hardware address.
    #[arg(long, value_name = "MAC", default_value = "00908f000001")]
    pub mac: MacAddress,
    /// Its make: audiocodes or yealink.
    #[arg(long, value_name = "MAKE", default_value = "audiocodes")]
    pub make: String,
    /// How SIP travels: udp or tcp.
    #[arg(long, value_name = "TRANSPORT", default_value = "udp")]
    pub transport: String,
    /// Tell it as JSON lines.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `phone enrol`.
#[derive(Debug, Args)]
pub struct EnrolArguments {
    #[command(flatten)]
    pub phone: VirtualPhone,
    /// Where a factory-new phone fetches its configuration.
    #[arg(long, value_name = "URL", conflicts_with = "server", required_unless_present = "server")]
    pub handset_url: Option<String>,
    /// For a phone that takes no configuration: where it registers.
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Option<SocketAddr>,
    /// The number to dial.
    #[arg(long, value_name = "NUMBER", default_value = "2000")]
    pub route_point: String,
    /// The self-service ID to key in.
    #[arg(long, value_name = "DIGITS")]
    pub id: String,
    /// The PIN or authentication code to key in; the variable keeps it out of the list of processes.
    #[arg(long, value_name = "DIGITS", env = "TSUNAGU_PIN", hide_env_values = true)]
    pub pin: String,
    /// The language to choose where several are offered.
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    pub lang: Language,
}

/// Arguments of `phone register`.
#[derive(Debug, Args)]
pub struct RegisterArguments {
    #[command(flatten)]
    pub phone: VirtualPhone,
    /// Where to register.
    #[arg(long, value_name = "HOST:PORT")]
    pub server: SocketAddr,
    /// The number to register.
    #[arg(long, value_name = "NUMBER")]
    pub number: String,
    /// The user name of the credentials; the number if not given.
    #[arg(long, value_name = "NAME")]
    pub auth_name: Option<String>,
    /// The password.
    #[arg(long, value_name = "PASSWORD", env = "TSUNAGU_PASSWORD", hide_env_values = true, default_value = "")]
    pub password: String,
    /// Seconds to stay registered, answering calls.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub stay: u64,
}

/// The configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting with its default and what it means.
    #[command(after_help = "Example:\n  tsunagu config print > tsunagu.toml")]
    Print,
    /// Check a configuration file.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// The recordings.
#[derive(Debug, Subcommand)]
pub enum PromptsCommand {
    /// Check that every sentence has its recordings, made from the text as it is now.
    ///
    /// Exits 1 if something is missing or can't be used. What is only left over is listed too.
    #[command(
        after_help = "Examples:\n  tsunagu prompts check                     the languages carried in the program\n  tsunagu prompts check data/languages/fr   a language pack before the service is restarted"
    )]
    Check {
        /// Folders of language packs, each named by its language (fr, pt-BR); none for the languages in the program.
        packs: Vec<std::path::PathBuf>,
    },
}
