//! The server as administrators see it: reachable, its settings, what they lack, how many numbers are left.

use std::time::Duration;

use serde_json::Value;

use super::finding::Report;
use super::{ask, read};
use crate::app::client::Members;
use crate::app::client::{Client, CommandFault, Method, Request};
use crate::app::prompts_check;
use crate::vocab::UnixMillis;

/// How far this machine's clock and the server's may be apart. HTTP tells whole seconds.
const APART: Duration = Duration::from_secs(3);
/// Temporary numbers in a hundred that should be free, where the settings don't say.
const USUAL_ALARM: u64 = 20;

/// Whether the server answers, is ready, and takes the token.
pub async fn reachable(report: &mut Report, client: &Client) -> bool {
    let asking = client.clone();
    let ready = tokio::task::spawn_blocking(move || asking.ask_anyway(&Request::new(Method::Get, "/readyz"))).await;
    let server = client.server();
    let answer = match ready {
        Ok(Ok(answer)) => answer,
        _ => {
            report.mend("doctor-unreachable", &[("server", server)]);
            return false;
        }
    };
    let state = answer.json().unwrap_or_default();
    match (state.at("accepting").as_bool(), state.at("database").as_bool()) {
        (Some(true), Some(true)) => report.well("doctor-server", &[("server", server)]),
        (_, Some(false)) => report.mend("doctor-server-database", &[]),
        _ => report.mend("doctor-server-not-ready", &[]),
    }
    if let Some(there) = answer.date.as_deref().and_then(UnixMillis::from_http_date) {
        let here = UnixMillis::now();
        let apart = here.since(there).max(there.since(here));
        if apart > APART {
            report.mend("doctor-clocks-apart", &[("seconds", &apart.as_secs().to_string())]);
        }
    }
    match ask(client, Request::new(Method::Get, "/api/v1/self-provisioning/status")).await {
        Ok(_) => true,
        Err(CommandFault::Refused(401, _)) => {
            report.mend("doctor-token", &[]);
            false
        }
        Err(_) => {
            report.mend("doctor-unreachable", &[("server", server)]);
            false
        }
    }
}

/// The settings of self-provisioning and what they lack; the recordings of the languages they name.
pub async fn settings(report: &mut Report, client: &Client) -> Option<Value> {
    let settings = match read(client, "/api/v1/self-provisioning", &[]).await {
        Ok(settings) => settings,
        Err(_) => {
            report.mend("doctor-token", &[]);
            return None;
        }
    };
    let warnings: Vec<&str> = settings
        .at("warnings")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|warning| warning.at("text").as_str())
        .collect();
    match warnings.is_empty() {
        true => report.well("doctor-settings", &[]),
        false => report.mend("doctor-settings-lack", &[("warnings", &warnings.join(" "))]),
    }
    prompts(report, client, &settings).await;
    Some(settings)
}

async fn prompts(report: &mut Report, client: &Client, settings: &Value) {
    let languages: Vec<&str> =
        settings.at("dialogue").at("languages").as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let named = languages.join(", ");
    let installed = read(client, "/api/v1/languages", &[]).await.unwrap_or_default();
    let packs = installed.at("packs").as_array().into_iter().flatten();
    let of_packs = packs.flat_map(|pack| {
        let faults = pack.at("faults").as_array().into_iter().flatten().filter_map(Value::as_str);
        faults.map(|fault| format!("{}: {fault}", pack.at("folder").as_str().unwrap_or_default()))
    });
    let of_packs: Vec<String> = of_packs.collect();
    if !of_packs.is_empty() {
        report.mend("doctor-packs-lack", &[("faults", &of_packs.join("; "))]);
    }
    let document = read(client, "/api/v1/openapi.json", &[]).await.unwrap_or_default();
    if document.at("info").at("version") != env!("CARGO_PKG_VERSION") {
        report.skip("doctor-prompts-other-version", &[]);
        return;
    }
    let faults = match prompts_check::check() {
        Ok(faults) => faults,
        Err(error) => {
            report.mend("doctor-prompts-lack", &[("faults", &error.to_string())]);
            return;
        }
    };
    let spoken = |fault: &String| languages.iter().any(|language| fault.starts_with(&format!("{language}:")));
    let faults: Vec<String> = faults.iter().map(ToString::to_string).filter(spoken).collect();
    match faults.is_empty() {
        true => report.well("doctor-prompts", &[("languages", &named)]),
        false => report.mend("doctor-prompts-lack", &[("faults", &faults.join("; "))]),
    }
}

/// Whether self-provisioning is on.
pub async fn readiness(report: &mut Report, client: &Client, settings: &Value) -> bool {
    let status = read(client, "/api/v1/self-provisioning/status", &[]).await.unwrap_or_default();
    let message = status.at("message").as_str().unwrap_or_default();
    let is_ready = status.at("ready") == true;
    match is_ready {
        true => report.well("doctor-ready", &[("message", message)]),
        false => report.mend("doctor-not-ready", &[("message", message)]),
    }
    let waiting: Vec<&str> =
        settings.at("waits_for_restart").as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !waiting.is_empty() {
        report.mend("doctor-waits-for-restart", &[("fields", &waiting.join(", "))]);
    }
    is_ready
}

/// How many temporary numbers are left.
pub async fn pool(report: &mut Report, client: &Client) {
    let Ok(pool) = read(client, "/api/v1/auto-registration", &[]).await else { return };
    let (Some(free), Some(total)) = (pool.at("free").as_u64(), pool.at("total").as_u64()) else { return };
    let percent = [pool.at("settings").at("alarm_percent"), pool.at("alarm_percent")];
    let percent = percent.into_iter().find_map(Value::as_u64).unwrap_or(USUAL_ALARM);
    let said = (free.to_string(), total.to_string());
    let arguments = [("free", said.0.as_str()), ("total", said.1.as_str())];
    match free.saturating_mul(100) > total.saturating_mul(percent) {
        true => report.well("doctor-pool", &arguments),
        false => report.mend("doctor-pool-low", &arguments),
    }
}
