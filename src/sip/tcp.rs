//! SIP over TCP (RFC 3261 section 18): connections, framing, deadlines.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::endpoint::Event;
use super::flow::{Flow, Transport};
use super::message::{StreamDecoder, StreamItem};

/// How long a connection may take to say its first whole message, or to finish one it began.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);
/// How long a connection that has spoken SIP may stay silent.
const IDLE: Duration = Duration::from_secs(3600);
/// How long a peer may take to accept a connection, or to take what is written to it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages waiting to be written to one peer.
pub(super) const QUEUE: usize = 64;

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

/// Accepts connections until the endpoint stops.
pub(super) async fn accept(listener: TcpListener, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if events.send(Event::Accepted(stream)).await.is_err() {
                    return;
                }
            }
            // Out of descriptors: those in use will be given back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Connects to `flow.peer`, then serves the connection.
pub(super) async fn connect(flow: Flow, outgoing: mpsc::Receiver<Bytes>, events: mpsc::Sender<Event>) {
    match timeout(PATIENCE, TcpStream::connect(flow.peer)).await {
        Ok(Ok(stream)) => serve(stream, flow, outgoing, events).await,
        Ok(Err(_)) | Err(_) => {
            drop(outgoing);
            let _ = events.send(Event::Failed(flow)).await;
        }
    }
}

/// Reads and writes one connection until either side ends it.
pub(super) async fn serve(stream: TcpStream, flow: Flow, outgoing: mpsc::Receiver<Bytes>, events: mpsc::Sender<Event>) {
    let _ = stream.set_nodelay(true);
    let (reading, writing) = stream.into_split();
    let mut writing = std::pin::pin!(write(writing, outgoing));
    let ending = tokio::select! {
        ending = read(reading, flow, &events) => {
            // What was still to be said, a refusal above all, is said before the connection goes.
            let _ = events.send(Event::Ended(flow)).await;
            writing.await.and(ending)
        }
        written = &mut writing => written,
    };
    let event = if ending.is_ok() { Event::Closed(flow) } else { Event::Failed(flow) };
    let _ = events.send(event).await;
}

/// Writes what is queued. An error where not all of it could be.
async fn write(mut stream: OwnedWriteHalf, mut outgoing: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    while let Some(octets) = outgoing.recv().await {
        timeout(PATIENCE, stream.write_all(&octets)).await??;
    }
    Ok(())
}

/// Reads until there is no more, or what comes makes no sense. An error where the connection broke.
async fn read(mut stream: OwnedReadHalf, flow: Flow, events: &mpsc::Sender<Event>) -> std::io::Result<()> {
    let mut decoder = StreamDecoder::new();
    let mut buffer = vec![0; 8192];
    let mut deadline = Instant::now() + FIRST_MESSAGE;
    loop {
        let length = match timeout_at(deadline, stream.read(&mut buffer)).await {
            Ok(Ok(length)) if length > 0 => length,
            Ok(Ok(_)) | Err(_) => return Ok(()),
            Ok(Err(error)) => return Err(error),
        };
        let was_idle = decoder.is_between_messages();
        decoder.push(buffer.get(..length).unwrap_or_default());
        let mut had_message = false;
        while let Some(item) = decoder.next() {
            let event = match item {
                Ok(StreamItem::Message(message)) => Event::Message(flow, message),
                Ok(StreamItem::Malformed(malformed)) => Event::Malformed(flow, malformed),
                Ok(StreamItem::KeepAlivePing) => Event::Ping(flow),
                Ok(StreamItem::KeepAlivePong) => continue,
                // The start of the next message is lost: nothing after it can be trusted.
                Err(_) => return Ok(()),
            };
            had_message = true;
            if events.send(event).await.is_err() {
                return Ok(());
            }
        }
        if had_message && decoder.is_between_messages() {
            deadline = Instant::now() + IDLE;
        } else if had_message || was_idle {
            deadline = Instant::now() + FIRST_MESSAGE;
        }
    }
}

/// The flow a connection is.
pub(super) fn flow_of(stream: &TcpStream) -> std::io::Result<Flow> {
    Ok(Flow { transport: Transport::Tcp, local: stream.local_addr()?, peer: stream.peer_addr()? })
}
