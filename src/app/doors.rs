//! The doors: where they listen, and what bounds the connections to each.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use super::config::LimitSettings;
use super::server::StartError;
use crate::http::ConnectionLimits;

/// Opens one; gives where, with the port the system chose if it was to.
pub(super) async fn listen(door: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Door { door, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What bounds those of phones.
pub(super) fn of_handsets(limits: &LimitSettings) -> ConnectionLimits {
    ConnectionLimits {
        connections: limits.handset_connections,
        per_address: limits.handset_connections_per_address,
        head: Duration::from_secs(limits.handset_request_seconds),
    }
}

/// What bounds those of administrators and programs.
pub(super) fn of_admins(limits: &LimitSettings) -> ConnectionLimits {
    ConnectionLimits {
        connections: limits.admin_connections,
        per_address: limits.admin_connections_per_address,
        head: Duration::from_secs(limits.admin_request_seconds),
    }
}
