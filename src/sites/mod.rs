//! Two sites that phones register with at once: what this one is called, which is its peer, and what is live there.
//!
//! It knows how a peer is set and asked. What becomes of a call is decided above.

mod asking;
mod service;
mod settings;
mod standing;

pub use service::{Peer, Site, Sites};
pub use settings::{SitesKind, SitesSettings, SitesShown};
pub use standing::{AtPeer, PeerFault, Unknown};
