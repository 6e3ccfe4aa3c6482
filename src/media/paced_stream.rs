//! A stream as its pacer has it: its socket, what it sends next and what it makes of what it receives. Must not know the
//! other streams or whose turn it is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;

use super::counters::{PacerCounters, Traffic, add, count};
use super::destination::Destination;
use super::filter;
use super::inbound::{Admission, Inbound};
use super::playout::Playout;
use super::port::RtpPort;
use super::stream::MediaEvent;

/// Datagrams read from one socket at a time. A flood beyond it stays in the kernel.
const READS: usize = 8;
/// After this long without a packet the caller is taken to be where the description says.
const LONG_WAIT: Duration = Duration::from_secs(2);
/// Packets sent before they are told: a second's. What others read is elsewhere in memory than what a packet takes anyway,
/// and to fetch that for every packet would be a twentieth of its cost.
const UNTOLD: u64 = 50;

/// A stream as its pacer has it.
pub(super) struct PacedStream {
    pub id: u64,
    pub port: RtpPort,
    pub playout: Playout,
    /// Apart from the rest, which is needed with every packet.
    inbound: Box<Inbound>,
    /// Kept in step with `inbound`.
    destination: Destination,
    events: Sender<MediaEvent>,
    traffic: Arc<Traffic>,
    /// Packets sent that `traffic` does not tell of yet.
    untold: u64,
    /// Since when it has been waiting for packets from where the description says.
    aimed: Instant,
    filtered: bool,
    /// Whether the socket may hold datagrams that were not read yet.
    pub unread: bool,
}

impl PacedStream {
    pub(super) fn new(
        id: u64,
        port: RtpPort,
        playout: Playout,
        inbound: Inbound,
        events: Sender<MediaEvent>,
        traffic: Arc<Traffic>,
    ) -> Self {
        let destination = Destination::open(inbound.destination());
        let aimed = Instant::now();
        // What came before the socket was watched is read in the first turn.
        let (filtered, unread) = (false, true);
        let inbound = Box::new(inbound);
        Self { id, port, playout, inbound, destination, events, traffic, untold: 0, aimed, filtered, unread }
    }

    /// Sends the packet of this turn, put together in `buffer`; tells whether there was one.
    pub(super) fn send(&mut self, buffer: &mut [u8], counters: &PacerCounters) -> bool {
        let sending = self.destination != Destination::Nowhere;
        let packet = self.playout.next(sending);
        if sending {
            if self.destination.send(self.port.rtp(), packet.write_to(buffer)).is_ok() {
                self.untold += 1;
                count(&counters.traffic.sent);
            } else {
                count(&self.traffic.send_errors);
                count(&counters.traffic.send_errors);
            }
        }
        if let Some(tag) = packet.finished {
            tell(&self.events, MediaEvent::PlaybackFinished { tag }, &self.traffic, counters);
        }
        if self.untold >= UNTOLD {
            self.tell_sent();
        }
        sending
    }

    /// Tells how many were sent.
    fn tell_sent(&mut self) {
        add(&self.traffic.sent, std::mem::take(&mut self.untold));
    }

    /// Reads what the socket holds, up to a bound.
    pub(super) fn receive(&mut self, buffer: &mut [u8], counters: &PacerCounters) {
        for _ in 0..READS {
            let (length, source) = match self.port.rtp().recv_from(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unread = false;
                    return;
                }
                // Interrupted, or a packet of ours found nobody: that says nothing of what has come.
                Err(_) => continue,
            };
            let (events, traffic) = (&self.events, &self.traffic);
            let datagram = buffer.get(..length).unwrap_or(&[]);
            let now = Instant::now();
            let admission = self.inbound.receive(source, datagram, now, |digit| {
                tell(events, MediaEvent::Digit(digit), traffic, counters);
            });
            for traffic in [&*self.traffic, &counters.traffic] {
                count(if admission == Admission::Refused { &traffic.dropped } else { &traffic.received });
            }
            if admission == Admission::Latched {
                self.destination = match self.inbound.destination() {
                    Some(source) => Destination::connected(self.port.rtp(), source),
                    None => Destination::Nowhere,
                };
                self.filter(now);
            }
        }
        self.unread = true;
    }

    /// Leaves audio in the kernel as soon as nobody needs it.
    pub(super) fn filter(&mut self, now: Instant) {
        if self.filtered {
            return;
        }
        let waited_long = now.saturating_duration_since(self.aimed) >= LONG_WAIT;
        if let Some(payload_type) = self.inbound.reads_only(waited_long) {
            // Without a filter everything is read, which costs more and is right all the same.
            let _ = filter::pass_only(self.port.rtp(), payload_type);
            self.filtered = true;
        }
    }

    pub(super) fn redirect(&mut self, remote: SocketAddr) {
        let now = Instant::now();
        if self.inbound.redirect(remote, now) {
            self.destination.disconnect(self.port.rtp());
            self.destination = Destination::open(self.inbound.destination());
            self.aimed = now;
            // Audio is needed again, to show where it comes from now.
            self.read_all();
        }
    }

    /// Both halves begin anew, aimed where the stream was aimed, and then at `remote`.
    pub(super) fn renegotiate(&mut self, playout: Playout, inbound: Box<Inbound>, remote: SocketAddr) {
        let before = std::mem::replace(&mut self.inbound, inbound);
        self.inbound.aim_as(&before);
        self.playout = playout;
        // What passes the filter had the payload types of before.
        self.read_all();
        self.redirect(remote);
    }

    fn read_all(&mut self) {
        if self.filtered {
            let _ = filter::pass_all(self.port.rtp());
            self.filtered = false;
        }
    }
}

impl Drop for PacedStream {
    fn drop(&mut self) {
        self.tell_sent();
    }
}

/// Tells an event without waiting.
fn tell(events: &Sender<MediaEvent>, event: MediaEvent, traffic: &Traffic, counters: &PacerCounters) {
    if events.try_send(event).is_err() {
        count(&traffic.events_lost);
        count(&counters.traffic.events_lost);
    }
}
