//! What goes to the terminal: results to standard output, errors and the log to standard error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

use super::config::LogFormat;
use super::json_log::JsonLines;

/// Writes a line to standard output. A reader that has gone away is no error.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// Writes a remark to standard error: progress, or how something went. A reader that has gone away is no error.
pub fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes why the program could not do what it was told, and gives the exit status for it.
pub fn fail(error: &dyn std::error::Error) -> ExitCode {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "tsunagu: {error}");
    ExitCode::FAILURE
}

/// Starts the log of a command: errors only, unless `RUST_LOG` says otherwise.
pub fn log() {
    start_log("error", LogFormat::Text);
}

/// Starts the log of the server: from `info` on, unless `RUST_LOG` says otherwise.
pub fn server_log(format: LogFormat) {
    start_log("info", format);
}

fn start_log(usual: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.fmt_fields(JsonFields::new()).event_format(JsonLines).try_init(),
    };
}
