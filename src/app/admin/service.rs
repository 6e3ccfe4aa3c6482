//! `tsunagu service …`: operating the self-provisioning service, and asking whether the server is ready.

use std::process::ExitCode;

use serde_json::json;

use super::Desk;
use super::arguments::{ServiceArguments, ServiceCommand};
use crate::app::client::Members;
use crate::app::client::{CommandFault, Method, Request};
use crate::app::output;

/// `tsunagu service`
pub fn run(arguments: &ServiceArguments) -> ExitCode {
    Desk::run(&arguments.connection, |desk| match arguments.command {
        ServiceCommand::Activate { mode } => act(desk, "activate", mode.as_str()),
        ServiceCommand::Deactivate { mode } => act(desk, "deactivate", mode.as_str()),
        ServiceCommand::Restart { mode } => act(desk, "restart", mode.as_str()),
        ServiceCommand::Status => {
            let answer = desk.client.ask(&Request::new(Method::Get, "/api/v1/self-provisioning/status"))?;
            desk.show(&answer);
            let is_ready = answer.json().is_some_and(|status| status.at("ready") == true);
            Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        ServiceCommand::Health => health(desk),
    })
}

fn act(desk: &Desk, what: &str, mode: &str) -> Result<ExitCode, CommandFault> {
    let request = Request::new(Method::Post, format!("/api/v1/self-provisioning/{what}"));
    desk.show(&desk.client.ask(&request.with_json(&json!({ "mode": mode })))?);
    Ok(ExitCode::SUCCESS)
}

fn health(desk: &Desk) -> Result<ExitCode, CommandFault> {
    let answer = desk.client.ask_anyway(&Request::new(Method::Get, "/readyz"))?;
    let is_ready = answer.status == 200;
    if desk.is_json {
        desk.show(&answer);
    } else {
        output::line(&desk.say(if is_ready { "command-healthy" } else { "command-unhealthy" }, &[]));
    }
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
