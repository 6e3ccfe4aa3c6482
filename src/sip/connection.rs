//! One connection that carries SIP as a stream (RFC 3261 section 18, RFC 5626 section 4.4.1), whatever is under it: framing,
//! deadlines. It must not know who else is connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::driver::Event;
use super::flood_guard::Pace;
use super::flow::Flow;
use super::message::{StreamDecoder, StreamItem};

/// How long a peer we connected to may take to say its first whole message: longer than a request of ours waits for its answer.
const OPENING_OF_OURS: Duration = Duration::from_secs(40);
/// How long a peer may take to prove within TLS who it is, or to take what is written to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Messages waiting to be written to one peer.
pub(super) const QUEUE: usize = 64;

/// How long a connection may stay open of which nothing comes.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until its peer has said its first whole message, handshakes included, and until a message that was begun is whole.
    pub opening: Duration,
    /// Without a message, if nobody has registered or called over it.
    pub idle: Duration,
    /// Without anything at all, if somebody has.
    pub lasting: Duration,
    /// Without anything at all on a WebSocket, whose peer is asked whether it is there after two fifths of this.
    pub websocket: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let of = Duration::from_secs;
        Self { opening: of(20), idle: of(120), lasting: of(3600), websocket: of(75) }
    }
}

impl Deadlines {
    /// By when the first whole message of a peer that connects now must have come.
    pub(super) fn of_peer(self) -> Instant {
        Instant::now() + self.opening
    }

    /// The same of a peer we connect to.
    pub(super) fn of_ours(self) -> Instant {
        Instant::now() + self.opening.max(OPENING_OF_OURS)
    }

    /// How long it may be silent by now.
    fn silence(self, is_lasting: &AtomicBool) -> Duration {
        if is_lasting.load(Ordering::Relaxed) { self.lasting } else { self.idle }
    }
}

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
    /// By when the first whole message must have come, after all handshakes.
    pub opening: Instant,
    /// How long it may stay open.
    pub deadlines: Deadlines,
    /// How quickly it is read.
    pub pace: Pace,
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
        self.deadlines.silence(&self.is_lasting)
    }
}

/// Reads and writes one connection until either side ends it.
pub(super) async fn serve(reading: impl AsyncRead + Unpin, writing: impl AsyncWrite + Unpin, link: Link) {
    let Link { flow, outgoing, is_lasting, events, opening, deadlines, pace } = link;
    let mut writing = std::pin::pin!(write(writing, outgoing));
    let ending = tokio::select! {
        ending = read(reading, flow, &events, &is_lasting, (opening, deadlines), pace) => {
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
    (opening, deadlines): (Instant, Deadlines),
    mut pace: Pace,
) -> std::io::Result<()> {
    let mut decoder = StreamDecoder::new();
    let mut buffer = vec![0; 8192];
    let mut deadline = opening;
    // When something came last, once the peer has said a whole message.
    let mut heard = None;
    loop {
        let length = match timeout_at(deadline, stream.read(&mut buffer)).await {
            Ok(Ok(length)) if length > 0 => length,
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => match heard.map(|heard| heard + deadlines.silence(is_lasting)) {
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
            deadline = *last + deadlines.silence(is_lasting);
        } else if had_item || was_idle {
            deadline = Instant::now() + deadlines.opening;
        }
    }
}
