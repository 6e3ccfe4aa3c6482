//! A pacer: one thread that sends the packets of its streams on time and takes what they receive. Must not know what is said
//! in a call.
//!
//! Every millisecond it obeys what it was told, sends for the slot whose turn it is, and reads the sockets that have
//! something. A tick takes no lock and allocates nothing: packets are a header on the stack and a slice of shared audio.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::{SockAddr, SockRef};
use tokio::sync::mpsc::Sender;

use super::audio::EncodedAudio;
use super::counters::{Lateness, Traffic, count};
use super::filter;
use super::inbound::{Admission, Inbound};
use super::playout::Playout;
use super::port::RtpPort;
use super::rtp::MAX_PACKET;
use super::schedule::{SLOTS, Schedule, Tick};
use super::stream::MediaEvent;

/// Commands obeyed between two ticks at most; the rest wait for the next.
const COMMANDS_A_TICK: usize = 256;
/// Sockets looked at in a tick at most; the rest wait for the next.
const SOCKETS_A_TICK: usize = 1024;
/// Datagrams read from one socket at a time. A flood beyond it stays in the kernel.
const READS: usize = 8;
/// After this long without a packet the caller is taken to be where the description says.
const LONG_WAIT: Duration = Duration::from_secs(2);

/// What a pacer is told.
pub(super) enum Command {
    Open(Box<PacedStream>),
    Play {
        id: u64,
        recordings: Vec<Arc<EncodedAudio>>,
        tag: u64,
    },
    Stop {
        id: u64,
    },
    Redirect {
        id: u64,
        remote: SocketAddr,
    },
    /// Both halves begin anew; `inbound` is aimed nowhere yet.
    Renegotiate {
        id: u64,
        playout: Box<Playout>,
        inbound: Box<Inbound>,
        remote: SocketAddr,
    },
    Close {
        id: u64,
    },
}

/// The figures of a pacer, which outlive its streams.
#[derive(Default)]
pub(super) struct PacerCounters {
    pub traffic: Traffic,
    pub lateness: Lateness,
}

/// A stream as its pacer has it.
pub(super) struct PacedStream {
    pub id: u64,
    pub port: RtpPort,
    pub playout: Playout,
    pub inbound: Inbound,
    /// Where to send, ready for the system; kept in step with `inbound`.
    destination: Option<SockAddr>,
    events: Sender<MediaEvent>,
    traffic: Arc<Traffic>,
    /// Since when it has been waiting for packets from where the description says.
    aimed: Instant,
    filtered: bool,
    /// Whether the socket may hold datagrams that were not read yet.
    unread: bool,
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
        let destination = inbound.destination().map(SockAddr::from);
        let aimed = Instant::now();
        // What came before the socket was watched is read in the first turn.
        let (filtered, unread) = (false, true);
        Self { id, port, playout, inbound, destination, events, traffic, aimed, filtered, unread }
    }

    /// Sends the packet of this turn.
    fn send(&mut self, counters: &PacerCounters) {
        let packet = self.playout.next(self.destination.is_some());
        if let Some(destination) = &self.destination {
            let parts = [IoSlice::new(&packet.header), IoSlice::new(packet.payload)];
            let sent = SockRef::from(self.port.rtp()).send_to_vectored(&parts, destination);
            for traffic in [&*self.traffic, &counters.traffic] {
                count(if sent.is_ok() { &traffic.sent } else { &traffic.send_errors });
            }
        }
        if let Some(tag) = packet.finished {
            tell(&self.events, MediaEvent::PlaybackFinished { tag }, &self.traffic, counters);
        }
    }

    /// Reads what the socket holds, up to a bound.
    fn receive(&mut self, buffer: &mut [u8], counters: &PacerCounters) {
        for _ in 0..READS {
            let (length, source) = match self.port.rtp().recv_from(buffer) {
                Ok(received) => received,
                Err(error) => {
                    self.unread = error.kind() == io::ErrorKind::Interrupted;
                    return;
                }
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
                self.destination = self.inbound.destination().map(SockAddr::from);
                self.filter(now);
            }
        }
        self.unread = true;
    }

    /// Leaves audio in the kernel as soon as nobody needs it.
    fn filter(&mut self, now: Instant) {
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

    fn redirect(&mut self, remote: SocketAddr) {
        let now = Instant::now();
        if self.inbound.redirect(remote, now) {
            self.destination = self.inbound.destination().map(SockAddr::from);
            self.aimed = now;
            if self.filtered {
                // Audio is needed again, to show where it comes from now.
                let _ = filter::pass_all(self.port.rtp());
                self.filtered = false;
            }
        }
    }
}

/// Tells an event without waiting.
fn tell(events: &Sender<MediaEvent>, event: MediaEvent, traffic: &Traffic, counters: &PacerCounters) {
    if events.try_send(event).is_err() {
        count(&traffic.events_lost);
        count(&counters.traffic.events_lost);
    }
}

/// The thread's state.
pub(super) struct Pacer {
    commands: Receiver<Command>,
    counters: Arc<PacerCounters>,
    poll: Poll,
    ready: Events,
    streams: Vec<Option<Box<PacedStream>>>,
    vacant: Vec<usize>,
    places: HashMap<u64, Place>,
    slots: [Vec<usize>; SLOTS],
}

/// Where a stream is kept and when its turn comes.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    slot: usize,
}

impl Pacer {
    pub(super) fn new(commands: Receiver<Command>, counters: Arc<PacerCounters>) -> io::Result<Self> {
        Ok(Self {
            commands,
            counters,
            poll: Poll::new()?,
            ready: Events::with_capacity(SOCKETS_A_TICK),
            streams: Vec::new(),
            vacant: Vec::new(),
            places: HashMap::new(),
            slots: [const { Vec::new() }; SLOTS],
        })
    }

    /// Runs until nobody can tell it anything any more.
    pub(super) fn run(mut self) {
        let mut buffer = [0; MAX_PACKET];
        let mut schedule = Schedule::starting(Instant::now());
        loop {
            if self.places.is_empty() {
                // Nobody to send to: sleep until somebody comes.
                let Ok(command) = self.commands.recv() else { return };
                self.obey(command);
                schedule = Schedule::starting(Instant::now());
            }
            if !self.obey_all() {
                return;
            }
            while let Some(tick) = schedule.due(Instant::now()) {
                self.take_turn(tick, &mut buffer);
            }
            self.receive(&mut buffer);
            let wait = schedule.wait(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
        }
    }

    /// Obeys what has been told since the last tick; false when nobody is left to tell anything.
    fn obey_all(&mut self) -> bool {
        for _ in 0..COMMANDS_A_TICK {
            match self.commands.try_recv() {
                Ok(command) => self.obey(command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open(stream) => self.open(stream),
            Command::Close { id } => self.close(id),
            Command::Play { id, recordings, tag } => self.with(id, |stream| stream.playout.play(recordings, tag)),
            Command::Stop { id } => self.with(id, |stream| stream.playout.stop()),
            Command::Redirect { id, remote } => self.with(id, |stream| stream.redirect(remote)),
            Command::Renegotiate { id, playout, inbound, remote } => self.with(id, |stream| {
                (stream.playout, stream.inbound) = (*playout, *inbound);
                stream.redirect(remote);
            }),
        }
    }

    fn with(&mut self, id: u64, act: impl FnOnce(&mut PacedStream)) {
        let place = self.places.get(&id);
        if let Some(stream) = place.and_then(|place| self.streams.get_mut(place.index)).and_then(Option::as_mut) {
            act(stream);
        }
    }

    fn open(&mut self, stream: Box<PacedStream>) {
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.streams.push(None);
            self.streams.len() - 1
        });
        let socket = stream.port.rtp().as_raw_fd();
        if let Err(error) = self.poll.registry().register(&mut SourceFd(&socket), Token(index), Interest::READABLE) {
            tracing::warn!(%error, "a stream's socket cannot be watched, so it will hear nothing");
        }
        // The slot with the fewest streams keeps every tick as short as it can be.
        let Some((slot, turn)) = self.slots.iter_mut().enumerate().min_by_key(|(_, turn)| turn.len()) else { return };
        turn.push(index);
        self.places.insert(stream.id, Place { index, slot });
        if let Some(place) = self.streams.get_mut(index) {
            *place = Some(stream);
        }
    }

    fn close(&mut self, id: u64) {
        let Some(Place { index, slot }) = self.places.remove(&id) else { return };
        if let Some(turn) = self.slots.get_mut(slot) {
            turn.retain(|other| *other != index);
        }
        if let Some(stream) = self.streams.get_mut(index).and_then(Option::take) {
            let _ = self.poll.registry().deregister(&mut SourceFd(&stream.port.rtp().as_raw_fd()));
        }
        self.vacant.push(index);
    }

    /// Sends for every stream of the slot.
    fn take_turn(&mut self, tick: Tick, buffer: &mut [u8]) {
        let Some(turn) = self.slots.get(tick.slot) else { return };
        for index in turn {
            let Some(stream) = self.streams.get_mut(*index).and_then(Option::as_mut) else { continue };
            stream.send(&self.counters);
            let now = Instant::now();
            self.counters.lateness.record(now.saturating_duration_since(tick.at));
            if stream.unread {
                stream.receive(buffer, &self.counters);
            }
            stream.filter(now);
        }
    }

    /// Reads the sockets that have something.
    fn receive(&mut self, buffer: &mut [u8]) {
        if self.poll.poll(&mut self.ready, Some(Duration::ZERO)).is_err() {
            return;
        }
        for event in &self.ready {
            if let Some(stream) = self.streams.get_mut(event.token().0).and_then(Option::as_mut) {
                stream.receive(buffer, &self.counters);
            }
        }
    }
}
