//! `tsunagu serve`

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::ServeArguments;
use super::config::Config;
use super::server::Running;
use super::supervision::{self, Places};
use super::{output, server, upkeep};
use crate::cti::RestartMode;
use crate::directory::Actor;
use crate::sip::Transport;
use crate::vocab::Secret;

/// Serves until it is told to stop.
pub async fn run(arguments: ServeArguments) -> ExitCode {
    let mut config = match arguments.config.as_deref().map(Config::read).transpose() {
        Ok(config) => config.unwrap_or_default(),
        Err(error) => return output::fail(&error),
    };
    if let Some(url) = arguments.database_url {
        config.database.url = url;
    }
    output::server_log(config.log.format);
    // Before the start: a signal that comes while starting must not be lost.
    let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)] = signals else {
        return output::fail(&std::io::Error::other("signals can't be taken"));
    };
    // Before the start, too: a token that can't be written would be lost.
    let token_file = match arguments.first_token_file.as_deref().map(open_token_file).transpose() {
        Ok(file) => file,
        Err(error) => return output::fail(&error),
    };
    let running = match server::start(config, &arguments.data_dir).await {
        Ok(running) => running,
        Err(error) => return output::fail(&error),
    };
    if let Err(error) = show_token(running.token.as_ref(), token_file, arguments.first_token_file.as_deref()) {
        return output::fail(&error);
    }
    for (transport, address) in &running.sip {
        tracing::info!(%transport, %address, "SIP");
    }
    tracing::info!(handset = %running.handset, admin = %running.admin, "ready");
    supervision::ready();
    let sip = running.sip.iter().find(|(transport, _)| *transport == Transport::Udp).map(|(_, address)| *address);
    let watching = tokio::spawn(supervision::watch(Places { sip, admin: running.admin }));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                supervision::reloading();
                restart(&running).await;
                supervision::ready();
            }
        }
    }
    supervision::stopping(running.drain);
    watching.abort();
    tokio::select! {
        () = running.drain() => ExitCode::SUCCESS,
        // A second signal means now.
        _ = terminate.recv() => ExitCode::FAILURE,
        _ = interrupt.recv() => ExitCode::FAILURE,
    }
}

/// The file of the first token, which only its owner may read. Nothing is lost of one that is there.
fn open_token_file(path: &Path) -> std::io::Result<File> {
    let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(path);
    opened.map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Shows the first token where it is to be shown. At a later start there is none, and an empty file for it goes away.
fn show_token(token: Option<&Secret>, file: Option<File>, path: Option<&Path>) -> std::io::Result<()> {
    match (token, file) {
        (Some(token), None) => {
            output::line(&format!("administrator token (shown once): {}", token.expose_secret()));
            Ok(())
        }
        (Some(token), Some(mut file)) => {
            file.set_len(0)?;
            writeln!(file, "{}", token.expose_secret())?;
            file.sync_all()
        }
        (None, Some(file)) if file.metadata()?.len() == 0 => path.map_or(Ok(()), std::fs::remove_file),
        (None, _) => Ok(()),
    }
}

/// SIGHUP: the certificates are read anew, and the service takes up its settings; running conversations finish on those they
/// began with.
async fn restart(running: &Running) {
    if let Some(identity) = &running.identity {
        upkeep::tell_of_certificates(&identity.reload());
    }
    match running.service.restart(RestartMode::Drain, &Actor::system("SIGHUP")).await {
        Ok(service) => tracing::info!(generation = service.generation, "restarted on SIGHUP"),
        Err(fault) => tracing::error!(%fault, "not restarted on SIGHUP; the service goes on as it was"),
    }
}
