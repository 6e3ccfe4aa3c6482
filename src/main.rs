//! Parses arguments, runs.

use std::process::ExitCode;

/// Registrations are made of many small texts that come and go on several threads: what the system's allocator takes for
/// them, and keeps afterwards, is a good part of what a registration costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tsunagu::app::main()
}
