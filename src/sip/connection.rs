//! One connection that carries SIP as a stream (RFC 3261 section 18, RFC 5626 section 4.4.1), whatever is under it: framing,
//! deadlines. It must not know who else is connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::endpoint::Event;
use super::flood_guard::Pace;
use super::flow::Flow;
use super::message::{StreamDecoder, StreamItem};

/// How long a peer that connected may take to say its first whole message, handshakes included.
const OPENING: Duration = Duration::from_secs(20);
/// How long a peer we connected to may take for that: longer than a request of ours waits for its answer.
const OPENING_OF_OURS: Duration = Duration::from_secs(40);
/// How long a message that was begun may take.
const MESSAGE: Duration = Duration::from_secs(20);
/// How long a connection may stay without a message over which nobody has registered or called.
const IDLE: Duration = Duration::from_secs(120);
/// How long one may over which somebody has.
const LASTING: Duration = Duration::from_secs(3600);
/// How long a peer may take to accept a connection, or to take what is written to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Messages waiting to be written to one peer.
pub(super) const QUEUE: usize = 64;

/// What a connection's task needs of the endpoint.
pub(super) struct Link {
    /// Which way it is.
    pub flow: Flow,
    /// What is to be written.
    pub outgoing: mpsc::Receiver<Bytes>,
    /// Set once somebody has registered or called over it.
    pub is_lasting: Arc<AtomicBool>,
    /// Where what happens is told.
    pub events: mpsc::Sender<Event>,
    /// Who connected to whom, and when.
    pub opened: Opened,
    /// How quickly it is read.
    pub pace: Pace,
}

/// How a connection came to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opened {
    /// The peer connected.
    ByPeer(Instant),
    /// We connected.
    ByUs(Instant),
}

impl Opened {
    /// By when the first whole message must have come, after all handshakes.
    pub(super) fn deadline(self) -> Instant {
        match self {
            Self::ByPeer(at) => at + OPENING,
            Self::ByUs(at) => at + OPENING_OF_OURS,
        }
    }
}

impl Link {
    /// Nothing came of it: what is queued can't be sent.
    pub(super) async fn fail(self) {
        let Self { flow, outgoing, events, .. } = self;
        drop(outgoing);
        let _ = events.send(Event::Failed(flow)).await;
    }

    /// Waits until the next message of the peer may be looked at.
    pub(super) async fn keep_pace(&mut self) {
        self.pace.keep(self.is_lasting.load(Ordering::Relaxed)).await;
    }

    /// How long it may be silent by now.
    pub(super) fn idle(&self) -> Duration {
        idle(&self.is_lasting)
    }
}

fn idle(is_lasting: &AtomicBool) -> Duration {
    if is_lasting.load(Ordering::Relaxed) { LASTING } else { IDLE }
}

/// Reads and writes one connection until either side ends it.
pub(super) async fn serve(reading: impl AsyncRead + Unpin, writing: impl AsyncWrite + Unpin, link: Link) {
    let Link { flow, outgoing, is_lasting, events, opened, pace } = link;
    let mut writing = std::pin::pin!(write(writing, outgoing));
    let ending = tokio::select! {
        ending = read(reading, flow, &events, &is_lasting, opened, pace) => {
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
async fn write(mut stream: impl AsyncWrite + Unpin, mut outgoing: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    while let Some(octets) = outgoing.recv().await {
        // Within TLS what is written is only on its way once it is flushed.
        let written = async {
            stream.write_all(&octets).await?;
            stream.flush().await
        };
        timeout(PATIENCE, written).await??;
    }
    // A peer that has gone can't be told that we go.
    let _ = timeout(PATIENCE, stream.shutdown()).await;
    Ok(())
}

/// Reads until there is no more, or what comes makes no sense. An error where the connection broke.
async fn read(
    mut stream: impl AsyncRead + Unpin,
    flow: Flow,
    events: &mpsc::Sender<Event>,
    is_lasting: &AtomicBool,
    opened: Opened,
    mut pace: Pace,
) -> std::io::Result<()> {
    let mut decoder = StreamDecoder::new();
    let mut buffer = vec![0; 8192];
    let mut deadline = opened.deadline();
    // When something came last, once the peer has said a whole message.
    let mut heard = None;
    loop {
        let length = match timeout_at(deadline, stream.read(&mut buffer)).await {
            Ok(Ok(length)) if length > 0 => length,
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => match heard.map(|heard| heard + idle(is_lasting)) {
                // Somebody has registered meanwhile.
                Some(later) if decoder.is_between_messages() && later > Instant::now() => {
                    deadline = later;
                    continue;
                }
                _ => return Ok(()),
            },
        };
        let was_idle = decoder.is_between_messages();
        decoder.push(buffer.get(..length).unwrap_or_default());
        let mut had_item = false;
        while let Some(item) = decoder.next() {
            let event = match item {
                Ok(StreamItem::Message(message)) => {
                    heard = Some(Instant::now());
                    Event::Message(flow, message)
                }
                Ok(StreamItem::Malformed(malformed)) => Event::Malformed(flow, malformed),
                Ok(StreamItem::KeepAlivePing) => Event::Ping(flow),
                Ok(StreamItem::KeepAlivePong) => continue,
                // The start of the next message is lost: nothing after it can be trusted.
                Err(_) => return Ok(()),
            };
            had_item = true;
            pace.keep(is_lasting.load(Ordering::Relaxed)).await;
            if events.send(event).await.is_err() {
                return Ok(());
            }
        }
        // Who only pings has said nothing yet, and keeps nothing open that is nobody's.
        let Some(last) = &mut heard else { continue };
        if decoder.is_between_messages() {
            if is_lasting.load(Ordering::Relaxed) {
                *last = Instant::now();
            }
            deadline = *last + idle(is_lasting);
        } else if had_item || was_idle {
            deadline = Instant::now() + MESSAGE;
        }
    }
}
