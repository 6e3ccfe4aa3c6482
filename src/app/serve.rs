//! `tsunagu serve`

use std::process::ExitCode;

use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::ServeArguments;
use super::config::Config;
use super::server::Running;
use super::{output, server};
use crate::cti::RestartMode;
use crate::directory::Actor;

/// Serves until it is told to stop.
pub async fn run(arguments: ServeArguments) -> ExitCode {
    let config = match arguments.config.as_deref().map(Config::read).transpose() {
        Ok(config) => config.unwrap_or_default(),
        Err(error) => return output::fail(&error),
    };
    output::server_log(config.log.format);
    // Before the start: a signal that comes while starting must not be lost.
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)] = signals else {
        return output::fail(&std::io::Error::other("signals can't be taken"));
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
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => restart(&running).await,
        }
    }
    tokio::select! {
        () = running.drain() => ExitCode::SUCCESS,
        // A second signal means now.
        _ = terminate.recv() => ExitCode::FAILURE,
        _ = interrupt.recv() => ExitCode::FAILURE,
    }
}

/// SIGHUP: the service takes up its settings; running conversations finish on those they began with.
async fn restart(running: &Running) {
    match running.service.restart(RestartMode::Drain, &Actor::system("SIGHUP")).await {
        Ok(service) => tracing::info!(generation = service.generation, "restarted on SIGHUP"),
        Err(fault) => tracing::error!(%fault, "not restarted on SIGHUP; the service goes on as it was"),
    }
}
