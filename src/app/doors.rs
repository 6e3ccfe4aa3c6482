//! The doors: HTTP listeners, and what is served at them until the server stops. Must not know what the doors are for.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::server::StartError;

/// Opens one; gives where, with the port the system chose if it was to.
pub(super) async fn listen(door: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Door { door, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// How long somebody may leave what is sent unread. One who reads nothing would keep a connection for ever.
const UNREAD: Duration = Duration::from_secs(60);

/// Serves `router` until the server stops.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        let _ = SockRef::from(&*stream).set_tcp_user_timeout(Some(UNREAD));
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "a door closed");
    }
}
