//! Parses arguments, runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    tsunagu::app::main()
}
