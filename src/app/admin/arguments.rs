//! The words of `tsunagu admin` and `tsunagu service`. It must not know any collection: the server does.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::app::client::Connection;

/// What `tsunagu admin --help` ends with.
pub const ADMIN_HELP: &str = "\
What collections, fields and actions there are, the server says:
  tsunagu admin                     every collection
  tsunagu admin users               its fields, filters and actions

Fields are given as
  name=text        text; a number, true/false or values,parted,by,commas where the field takes that
  name:=json       any JSON, such as null to take a field away
  name=@file       what is in the file; name=@- what comes on standard input (for PINs and passwords)
  name.inner=text  a field within a field
  name==text       a parameter of the request, such as apply==restart-now
  @file or -       the whole body as JSON

Examples:
  tsunagu admin users list profile=Everybody user_id='sa*' --sort -updated_at --columns user_id,name
  tsunagu admin users show sato
  tsunagu admin users add user_id=sato name='Hanako Sato' primary_extension=1001 pin=@-
  tsunagu admin users change sato mail=sato@example.com profile:=null
  tsunagu admin users delete sato
  tsunagu admin phones do 0193… release
  tsunagu admin self-provisioning change dialogue.languages=ja,en apply==restart-now
  tsunagu admin users import users.csv --dry-run
  tsunagu admin users export --output users.csv

The server is --server or TSUNAGU_SERVER; the token is in --token-file or TSUNAGU_TOKEN.
A change says which version it read; if somebody else was faster it is refused. An addition is sent again where
no answer came, and done once.

Exit status: 0 done; 1 refused by the server, or done and not well; 2 wrong arguments; 3 the server can't be
reached; 4 not permitted.";

/// What `tsunagu service --help` ends with.
pub const SERVICE_HELP: &str = "\
Examples:
  tsunagu service status
  tsunagu service activate
  tsunagu service restart --mode now
  tsunagu service health && echo ready

The server is --server or TSUNAGU_SERVER; the token is in --token-file or TSUNAGU_TOKEN (health needs none).

Exit status: 0 done, for status: Ready, for health: takes phones; 1 refused (the service goes on as it was), or
not ready; 2 wrong arguments; 3 the server can't be reached; 4 not permitted.";

/// Arguments of `admin`.
#[derive(Debug, Args)]
pub struct AdminArguments {
    #[command(flatten)]
    /// Where, who, how.
    pub connection: Connection,
    /// The collection or the settings, as the API names them. Without it: which there are.
    pub collection: Option<String>,
    /// What to do with it. Without it: what can be done, and its fields.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What is done with a collection.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List records.
    #[command(
        after_help = "Example:\n  tsunagu admin users list profile=Everybody name='Sa*' --sort user_id --limit 20"
    )]
    List(ListArguments),
    /// Show one record, or the settings.
    #[command(after_help = "Examples:\n  tsunagu admin users show sato\n  tsunagu admin self-provisioning show")]
    Show {
        /// Its name or identifier; settings have none.
        name: Option<String>,
    },
    /// Add a record.
    #[command(
        after_help = "Examples:\n  tsunagu admin users add user_id=sato primary_extension=1001 pin=@-\n  tsunagu admin route-points add - < route-point.json"
    )]
    Add {
        /// Its fields.
        #[arg(value_name = "FIELD=VALUE")]
        items: Vec<String>,
    },
    /// Change a record, or the settings.
    #[command(
        after_help = "Examples:\n  tsunagu admin users change sato mail=sato@example.com profile:=null\n  tsunagu admin self-provisioning change ports=200 apply==restart-now"
    )]
    Change {
        /// Its name or identifier (settings have none), then the fields to change.
        #[arg(value_name = "[NAME] FIELD=VALUE", required = true)]
        items: Vec<String>,
    },
    /// Delete a record.
    #[command(after_help = "Example:\n  tsunagu admin users delete sato")]
    Delete {
        /// Its name or identifier.
        name: String,
    },
    /// Do something else with a record, a collection or the settings.
    #[command(
        after_help = "Examples:\n  tsunagu admin phones do 0193… release\n  tsunagu admin self-provisioning do restart mode=now"
    )]
    Do {
        /// The record's name or identifier where the action is with one, the action, then what it takes.
        #[arg(value_name = "[NAME] ACTION [FIELD=VALUE]", required = true)]
        items: Vec<String>,
    },
    /// Add or change many records from a file.
    #[command(
        after_help = "Examples:\n  tsunagu admin users import users.csv --dry-run\n  tsunagu admin users import users.csv --mode best-effort"
    )]
    Import(ImportArguments),
    /// Write all records to a file.
    #[command(after_help = "Example:\n  tsunagu admin users export --output users.csv")]
    Export {
        /// The file, which must not be there yet; standard output without it.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// What fields must hold, as in a list.
        #[arg(value_name = "FIELD=VALUE")]
        filters: Vec<String>,
    },
}

/// Arguments of `admin … list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// What fields must hold: `*` at the end means starts so, nothing means holds nothing.
    #[arg(value_name = "FIELD=VALUE")]
    pub filters: Vec<String>,
    /// Text that some field contains.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// The field to sort by; with - before it, the largest first.
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Records at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, conflicts_with = "all")]
    pub limit: usize,
    /// Every record.
    #[arg(long)]
    pub all: bool,
    /// The columns of the table, parted by commas; a field within a field with a dot.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub columns: Vec<String>,
}

/// Arguments of `admin … import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The file; - for standard input.
    pub file: PathBuf,
    /// What to do when a row can't be taken, as the server names its modes.
    #[arg(long, value_name = "MODE")]
    pub mode: Option<String>,
    /// Check and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// What the import takes besides.
    #[arg(value_name = "FIELD=VALUE")]
    pub items: Vec<String>,
}

/// Arguments of `service`.
#[derive(Debug, Args)]
pub struct ServiceArguments {
    #[command(flatten)]
    /// Where, who, how.
    pub connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub command: ServiceCommand,
}

/// What is done with the self-provisioning service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Subcommand)]
pub enum ServiceCommand {
    /// Have it take calls.
    #[command(after_help = "Example:\n  tsunagu service activate")]
    Activate {
        /// How running conversations are met.
        #[arg(long, value_enum, default_value_t)]
        mode: Mode,
    },
    /// Have it take no more calls.
    #[command(after_help = "Example:\n  tsunagu service deactivate --mode drain")]
    Deactivate {
        /// How running conversations are met.
        #[arg(long, value_enum, default_value_t)]
        mode: Mode,
    },
    /// Have it take up its settings.
    #[command(after_help = "Example:\n  tsunagu service restart --mode now")]
    Restart {
        /// How running conversations are met.
        #[arg(long, value_enum, default_value_t)]
        mode: Mode,
    },
    /// Say how it stands; exit status 1 if it is not ready.
    #[command(after_help = "Example:\n  tsunagu service status --json")]
    Status,
    /// Say whether the server takes phones and its database answers; needs no token. For health checks.
    #[command(after_help = "Example:\n  tsunagu service health --server http://127.0.0.1:8080")]
    Health,
}

/// How running conversations are met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Mode {
    /// They finish on the settings they began with.
    #[default]
    Drain,
    /// They end with an apology.
    Now,
}

impl Mode {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Now => "now",
        }
    }
}
