//! The one place where the tasks that read the wire ask whether to look at what came, with a clock. Decides nothing itself.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::flood::{Flood, FloodScope, FloodSettings, Flooder, Floods};

/// Asked for every message, by few tasks and never for long. For peers that are trusted it takes no lock.
#[derive(Clone)]
pub(super) struct FloodGuard {
    settings: Arc<FloodSettings>,
    floods: Arc<Mutex<Floods>>,
}

impl FloodGuard {
    pub(super) fn new(settings: &FloodSettings) -> Self {
        Self { settings: Arc::new(settings.clone()), floods: Arc::new(Mutex::new(Floods::new(settings))) }
    }

    /// Whether a datagram is looked at.
    pub(super) fn admits(&self, peer: SocketAddr) -> bool {
        self.settings.trusts(peer.ip()) || self.floods().admit(peer, Instant::now())
    }

    /// Whether a connection is taken.
    pub(super) fn admits_connection(&self, peer: SocketAddr) -> bool {
        self.settings.trusts(peer.ip()) || self.floods().admit_connection(peer, Instant::now())
    }

    /// Somebody has registered or called from there.
    pub(super) fn welcome(&self, peer: SocketAddr) {
        if !self.settings.trusts(peer.ip()) {
            self.floods().welcome(peer, Instant::now());
        }
    }

    /// A connection was refused: its address has as many as it may.
    pub(super) fn note_full(&self, address: IpAddr) {
        self.floods().note_full(address, Instant::now());
    }

    /// The pace of a connection.
    pub(super) fn pace(&self, peer: SocketAddr) -> Pace {
        let guard = (!self.settings.trusts(peer.ip())).then(|| self.clone());
        Pace { guard, peer, full: Instant::now() }
    }

    pub(super) fn list(&self) -> Vec<Flood> {
        self.floods().list(Instant::now())
    }

    pub(super) fn lift(&self, whom: &Flooder) -> bool {
        self.floods().lift(whom, Instant::now())
    }

    pub(super) fn take_refused(&self) -> HashMap<FloodScope, u64> {
        self.floods().take_refused()
    }

    fn floods(&self) -> MutexGuard<'_, Floods> {
        self.floods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FloodGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FloodGuard").finish_non_exhaustive()
    }
}

/// How quickly one connection is read. Whoever sends more waits, as the connection itself makes them.
#[derive(Debug)]
pub(super) struct Pace {
    /// None if the peer is trusted.
    guard: Option<FloodGuard>,
    peer: SocketAddr,
    full: Instant,
}

impl Pace {
    /// Waits until the next message may be looked at.
    pub(super) async fn keep(&mut self, is_known: bool) {
        let Self { guard: Some(guard), peer, full } = self else { return };
        loop {
            let wait = guard.floods().pace(full, *peer, is_known, Instant::now());
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return,
            }
        }
    }
}
