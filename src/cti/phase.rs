//! Whether the switchboard takes calls.

use tokio::sync::watch;

/// Whether calls are taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    /// Yes.
    Open,
    /// No new ones; running conversations finish.
    Draining,
    /// No; running conversations are told so.
    Closing,
}

/// Waits until it has come to `wanted`, or further.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    if phase.wait_for(|phase| *phase >= wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}
