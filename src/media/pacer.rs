//! A pacer: one thread that sends the packets of its streams on time and takes what they receive. Must not know what is said
//! in a call.
//!
//! Every few milliseconds it obeys what it was told, sends for the slot whose turn it is, and reads the sockets that have
//! something. A tick takes no lock and allocates nothing: packets are put together in one buffer, from shared audio.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::audio::EncodedAudio;
use super::counters::PacerCounters;
use super::inbound::Inbound;
use super::paced_stream::PacedStream;
use super::playout::Playout;
use super::rtp::MAX_PACKET;
use super::schedule::{Schedule, Tick};
use super::slots::Slots;

/// Commands obeyed between two ticks at most; the rest wait for the next.
const COMMANDS_A_TICK: usize = 256;
/// Sockets looked at in a tick at most; the rest wait for the next.
const SOCKETS_A_TICK: usize = 1024;

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
    /// Both halves begin anew, aimed where the stream was until it is aimed at `remote`.
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

/// The thread's state.
pub(super) struct Pacer {
    commands: Receiver<Command>,
    counters: Arc<PacerCounters>,
    poll: Poll,
    ready: Events,
    streams: Slots<PacedStream>,
}

impl Pacer {
    pub(super) fn new(commands: Receiver<Command>, counters: Arc<PacerCounters>) -> io::Result<Self> {
        Ok(Self {
            commands,
            counters,
            poll: Poll::new()?,
            ready: Events::with_capacity(SOCKETS_A_TICK),
            streams: Slots::new(),
        })
    }

    /// Runs until nobody can tell it anything any more.
    pub(super) fn run(mut self) {
        let mut buffer = [0; MAX_PACKET];
        let mut schedule = Schedule::starting(Instant::now());
        loop {
            if self.streams.is_empty() {
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
            Command::Open(stream) => self.open(*stream),
            Command::Close { id } => self.close(id),
            Command::Play { id, recordings, tag } => self.with(id, |stream| stream.playout.play(recordings, tag)),
            Command::Stop { id } => self.with(id, |stream| stream.playout.stop()),
            Command::Redirect { id, remote } => self.with(id, |stream| stream.redirect(remote)),
            Command::Renegotiate { id, playout, inbound, remote } => {
                self.with(id, |stream| stream.renegotiate(*playout, inbound, remote));
            }
        }
    }

    fn with(&mut self, id: u64, act: impl FnOnce(&mut PacedStream)) {
        if let Some(stream) = self.streams.get_mut(id) {
            act(stream);
        }
    }

    fn open(&mut self, stream: PacedStream) {
        let (id, socket) = (stream.id, stream.port.rtp().as_raw_fd());
        let token = Token(id as usize);
        if let Err(error) = self.poll.registry().register(&mut SourceFd(&socket), token, Interest::READABLE) {
            tracing::warn!(%error, "a stream's socket cannot be watched, so it will hear nothing");
        }
        self.streams.insert(id, stream);
    }

    fn close(&mut self, id: u64) {
        if let Some(stream) = self.streams.remove(id) {
            let _ = self.poll.registry().deregister(&mut SourceFd(&stream.port.rtp().as_raw_fd()));
        }
    }

    /// Sends for every stream of the slot.
    fn take_turn(&mut self, tick: Tick, buffer: &mut [u8]) {
        let mut sent = 0;
        for stream in self.streams.turn(tick.slot) {
            sent += u64::from(stream.send(buffer, &self.counters));
            if stream.unread {
                stream.receive(buffer, &self.counters);
            }
            stream.filter(tick.at);
        }
        // The clock is read once for all of them, when the last is sent: no packet was later than is said of it.
        self.counters.lateness.record(tick.at.elapsed(), sent);
    }

    /// Reads the sockets that have something.
    fn receive(&mut self, buffer: &mut [u8]) {
        if self.poll.poll(&mut self.ready, Some(Duration::ZERO)).is_err() {
            return;
        }
        for event in &self.ready {
            if let Some(stream) = self.streams.get_mut(event.token().0 as u64) {
                stream.receive(buffer, &self.counters);
            }
        }
    }
}
