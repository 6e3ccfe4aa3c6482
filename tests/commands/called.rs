//! The program called with arguments: what it said, and its exit status.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::server::Server;

/// What came of a call.
#[derive(Debug)]
pub struct Called {
    /// The exit status.
    pub status: i32,
    /// What it said on standard output.
    pub out: String,
    /// What it said on standard error.
    pub err: String,
}

impl Called {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|fault| panic!("{fault} in {self:?}"))
    }

    /// Itself, if it did what it was told.
    pub fn done(self) -> Self {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }
}

/// A command that asks nobody but the server given, in English, and knows its token.
pub fn command(server: &str, token: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsunagu"));
    command.args(arguments).env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C.UTF-8");
    command.env("TSUNAGU_SERVER", server).env("TSUNAGU_TOKEN", token).env_remove("TSUNAGU_TOKEN_FILE");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The same, for this server.
pub fn command_of(server: &Server, arguments: &[&str]) -> Command {
    command(&format!("http://{}", server.admin), &server.token, arguments)
}

/// Runs a command to its end with `input` on standard input.
pub fn run(command: &mut Command, input: &str) -> Called {
    let mut child = command.spawn().unwrap();
    // Whoever takes no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Called {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Calls the program for this server.
pub fn call(server: &Server, arguments: &[&str]) -> Called {
    run(&mut command_of(server, arguments), "")
}
