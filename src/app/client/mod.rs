//! The commands' side of the API: where the server is, who asks, and what came of it. It must not know what is asked for.

mod exchange;
mod fault;
mod members;

use std::path::PathBuf;

use clap::Args;
use secrecy::ExposeSecret;

pub use exchange::{Answer, Client, Method, Request, path};
pub use fault::{CommandFault, Said};
pub use members::Members;

use crate::app::phone_command::environment_language;
use crate::locale::{LocaleError, Locales, Words};
use crate::vocab::{Language, Secret};

/// Where the API is, who asks, and how answers are shown.
#[derive(Clone, Debug, Args)]
pub struct Connection {
    /// The administrators' door of the server.
    #[arg(long, global = true, value_name = "URL", env = "TSUNAGU_SERVER", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// A file that holds the token; without it the variable TSUNAGU_TOKEN holds the token. There is no option for the
    /// token itself: a command line can be read by everybody on the machine.
    #[arg(long, global = true, value_name = "FILE", env = "TSUNAGU_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// The language of answers: ja or en. By default that of the environment (LANG).
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub lang: Option<Language>,
}

impl Connection {
    /// The words of the language asked for.
    pub fn words(&self) -> Result<Words, LocaleError> {
        let language = self.lang.clone().unwrap_or_else(environment_language);
        Ok(Locales::embedded()?.words(&language))
    }

    /// A client that bears the token, if there is one.
    pub fn client(&self, words: &Words) -> Result<Client, CommandFault> {
        let server = self.server.trim_end_matches('/');
        if !server.starts_with("http://") {
            return Err(CommandFault::usage("command-server-url", &[("server", &self.server)]));
        }
        Ok(Client::new(server, self.token()?, words.language()))
    }

    fn token(&self) -> Result<Option<Secret>, CommandFault> {
        let token = match &self.token_file {
            Some(file) => std::fs::read_to_string(file).map_err(|error| {
                let file = file.display().to_string();
                CommandFault::usage("command-file", &[("file", &file), ("why", &error.to_string())])
            })?,
            None => std::env::var("TSUNAGU_TOKEN").unwrap_or_default(),
        };
        let token = Secret::from(token.trim().to_owned());
        let is_token = !token.expose_secret().is_empty();
        if !token.expose_secret().bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(CommandFault::usage("command-token", &[]));
        }
        Ok(is_token.then_some(token))
    }
}
