//! Connections to a door: so many in all and from one address; who says nothing or reads nothing is cut, and at the phones' door nobody
//! stays for long.
//!
//! Knows no path and no answer. The only file that names hyper.

use std::collections::HashMap;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::middleware::map_request;
use axum::{Extension, Router};
use futures_util::{StreamExt, stream};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// The largest head of a request, in octets.
const LARGEST_HEAD: usize = 16 * 1024;
/// The longest a connection of a phone lasts, whatever goes over it: its whole round takes a moment.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long somebody may leave what is sent unread. One who reads nothing would keep a connection for ever.
const UNREAD: Duration = Duration::from_secs(60);
/// What a connection may take beyond that for the answer it is in.
const LAST_ANSWER: Duration = Duration::from_secs(5);
/// How long after somebody with too many connections was told of in the log others are.
const TOLD_FOR: Duration = Duration::from_secs(60);
/// The pause after a connection could not be taken, as when no descriptor is left.
const PAUSE: Duration = Duration::from_millis(200);

/// Which door it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entrance {
    /// That of phones.
    Handset,
    /// That of administrators, programs and portal accounts, who may follow events for as long as they like.
    Admin,
}

impl Entrance {
    fn refused(self) -> &'static str {
        match self {
            Self::Handset => "handset_connections_refused_total",
            Self::Admin => "admin_connections_refused_total",
        }
    }

    /// The end of the longest a connection may last.
    async fn lapse(self) {
        match self {
            Self::Handset => tokio::time::sleep(LIFETIME).await,
            Self::Admin => pending().await,
        }
    }
}

/// What bounds the connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// All of them. Those beyond wait to be taken.
    pub connections: usize,
    /// Those from one address. Those beyond are closed.
    pub per_address: usize,
    /// How long the head of a request may take, from the connection's beginning or from the answer before, and each piece of its body.
    pub head: Duration,
}

/// How many connections each address has.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A connection's place in all and among those of its address, given back when dropped.
struct Place {
    address: IpAddr,
    counts: Counts,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// None if the address has as many as it may.
    fn take(address: IpAddr, most: usize, counts: &Counts, permit: OwnedSemaphorePermit) -> Option<Self> {
        let mut table = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = table.entry(address).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { address, counts: counts.clone(), _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = table.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                table.remove(&self.address);
            }
        }
    }
}

/// Serves `router` until `stop`, then finishes the answers it is in.
pub async fn serve(
    door: Entrance,
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let counts = Counts::default();
    let mut connections = JoinSet::new();
    let mut told_at: Option<Instant> = None;
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((stream, peer, permit)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        match Place::take(peer.ip().to_canonical(), limits.per_address, &counts, permit) {
            Some(place) => {
                let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
                connections.spawn(connection(door, stream, peer, router.clone(), limits, stop.clone(), place));
            }
            None => {
                metrics::counter!(door.refused()).increment(1);
                if told_at.is_none_or(|told_at| told_at.elapsed() >= TOLD_FOR) {
                    told_at = Some(Instant::now());
                    let (address, most) = (peer.ip().to_canonical(), limits.per_address);
                    tracing::warn!(%address, ?door, most, "an address has too many connections: more of its are closed");
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection to a door could not be taken");
            None
        }
    }
}

/// A body of which each piece comes in time, or none does any more.
fn hurried(body: Body, patience: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let pieces = stream::unfold(Some(body.into_data_stream()), move |pieces| async move {
        let mut pieces = pieces?;
        match tokio::time::timeout(patience, pieces.next()).await {
            Ok(piece) => Some((piece?, Some(pieces))),
            Err(late) => Some((Err(axum::Error::new(late)), None)),
        }
    });
    Body::from_stream(pieces)
}

async fn connection(
    door: Entrance,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    mut stop: watch::Receiver<bool>,
    _place: Place,
) {
    let patience = limits.head;
    let hurried = map_request(move |request: Request| async move { request.map(|body| hurried(body, patience)) });
    let service = TowerToHyperService::new(router.layer(hurried).layer(Extension(ConnectInfo(peer))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%peer, ?door, %error, "a connection was cut");
            }
            return;
        }
        () = door.lapse() => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(LAST_ANSWER, connection).await;
}
