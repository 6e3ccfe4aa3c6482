//! From the command line to the command.

use std::process::ExitCode;

use clap::Parser;

use super::arguments::{Arguments, Command, ConfigCommand, PhoneCommand, PromptsCommand};
use super::{admin, backup, config, demo, deployment, doctor, output, phone_command, prompts_check, serve};

/// Runs the command the program was called with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The server's log is as its configuration has it.
    if !matches!(arguments.command, Command::Serve(_)) {
        output::log();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&error),
    };
    runtime.block_on(run(arguments.command))
}

async fn run(command: Command) -> ExitCode {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Admin(arguments) => tokio::task::block_in_place(|| admin::run(arguments)),
        Command::Service(arguments) => tokio::task::block_in_place(|| admin::run_service(&arguments)),
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Backup(arguments) => backup::back_up(arguments).await,
        Command::Restore(arguments) => backup::restore(arguments).await,
        Command::Deployment(command) => deployment::run(&command),
        Command::Phone(PhoneCommand::Enrol(arguments)) => phone_command::enrol(arguments).await,
        Command::Phone(PhoneCommand::Register(arguments)) => phone_command::register(arguments).await,
        Command::Config(ConfigCommand::Print) => {
            output::line(config::ANNOTATED.trim_end());
            ExitCode::SUCCESS
        }
        Command::Config(ConfigCommand::Check { file }) => match config::Config::read(&file) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => output::fail(&error),
        },
        Command::Prompts(PromptsCommand::Check { packs }) => prompts_check::run(&packs),
    }
}
