//! `tsunagu serve`

use std::process::ExitCode;

use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::ServeArguments;
use super::config::Config;
use super::{output, server};

/// Serves until it is told to stop.
pub async fn run(arguments: ServeArguments) -> ExitCode {
    let config = match arguments.config.as_deref().map(Config::read).transpose() {
        Ok(config) => config.unwrap_or_default(),
        Err(error) => return output::fail(&error),
    };
    // Before the start: a signal that comes while starting must not be lost.
    let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => return output::fail(&error),
    };
    let running = match server::start(config, &arguments.data_dir).await {
        Ok(running) => running,
        Err(error) => return output::fail(&error),
    };
    if let Some(token) = &running.token {
        output::line(&format!("administrator token (shown once): {}", token.expose_secret()));
    }
    for (transport, address) in &running.sip {
        tracing::info!(%transport, %address, "SIP");
    }
    tracing::info!(handset = %running.handset, admin = %running.admin, "ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::select! {
        () = running.drain() => ExitCode::SUCCESS,
        // A second signal means now.
        _ = terminate.recv() => ExitCode::FAILURE,
        _ = interrupt.recv() => ExitCode::FAILURE,
    }
}
