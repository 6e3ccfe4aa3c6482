//! SIP over TCP (RFC 3261 section 18): listening, accepting, connecting. All other transports that connect stand on it.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connection::{self, Link};
use super::driver::Event;
use super::flow::{Flow, Transport};

/// How long a connection may be silent before the kernel asks whether the peer is still there, how often it asks, and
/// how many times in vain: who has gone without a word is noticed after two minutes.
const ASK_AFTER: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_secs(15);
const ASK_TIMES: u32 = 4;

/// How long a peer may take to accept a connection: the kernel asks three times meanwhile. A caller waits for as long where the
/// phone's connection is gone and its network says nothing.
const REACHED_WITHIN: Duration = Duration::from_secs(4);

/// Binds a listening socket.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections for `transport` until the endpoint stops.
pub(super) async fn accept(listener: TcpListener, transport: Transport, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if events.send(Event::Accepted(stream, transport)).await.is_err() {
                    return;
                }
            }
            // Out of descriptors: those in use will be given back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Connects to `link.flow.peer`.
pub(super) async fn connect(link: &Link) -> std::io::Result<TcpStream> {
    let stream = timeout(REACHED_WITHIN, TcpStream::connect(link.flow.peer)).await??;
    tune(&stream);
    Ok(stream)
}

/// Serves a connection without anything between TCP and SIP.
pub(super) async fn serve(stream: TcpStream, link: Link) {
    let (reading, writing) = stream.into_split();
    connection::serve(reading, writing, link).await;
}

/// Small messages go at once, and a peer that has gone is noticed. Where the system can't do that, it works without.
pub(super) fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let asking = TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_EVERY).with_retries(ASK_TIMES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&asking);
}

/// The flow a connection is.
pub(super) fn flow_of(stream: &TcpStream, transport: Transport) -> std::io::Result<Flow> {
    Ok(Flow { transport, local: stream.local_addr()?, peer: stream.peer_addr()? })
}
