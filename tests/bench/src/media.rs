//! The callers' RTP: one thread that talks for all of them and notes when their packets come. Must not know signalling.
//!
//! The arrival of a packet is the moment this thread reads it. It looks every millisecond, and says itself how late it
//! was: what delays the reader is charged to the server, so a figure may be worse than the truth, never better.
//! (The kernel's own receive timestamps need unsafe code or another crate.)

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use crate::caller::Place;
use crate::meter::{Stream, Totals};
use crate::realtime;
use crate::rtp::Header;
use crate::talker::{KeyPress, Talker};

/// Twenty slots of a millisecond: every caller talks in one of them.
const SLOTS: usize = 20;
const TICK: Duration = Duration::from_millis(1);
/// Octets the kernel keeps for a caller while this thread doesn't read.
const RECEIVE_BUFFER: usize = 256 * 1024;
/// A stream is taken to have stopped when no packet came for so long, in microseconds.
const STOPPED: u64 = 200_000;

/// What the thread is told.
enum Command {
    Open { caller: usize, remote: SocketAddr, keys: Vec<KeyPress> },
    Close { caller: usize },
    NoMoreKeys,
    BeginWindow,
    EndWindow(Sender<Measured>),
}

/// What came of a window.
#[derive(Debug, Default)]
pub struct Measured {
    /// Of all streams.
    pub totals: Totals,
    /// Callers in a call that heard nothing any more when the window ended.
    pub silent: u64,
    /// The longest time this thread did not look, in milliseconds.
    pub longest_look_ms: f64,
    /// The most this thread was behind with talking, in milliseconds.
    pub longest_delay_ms: f64,
    /// Packets sent, and those the system would not send.
    pub sent: u64,
    /// Packets the system would not send.
    pub unsent: u64,
}

/// The handle of the thread. It ends with the last handle.
#[derive(Clone)]
pub struct Media {
    commands: Sender<Command>,
    keyed: Arc<AtomicU64>,
}

impl Media {
    /// Binds every caller's pair of ports and starts. `window` is how much of a call is measured.
    pub fn start(places: &[Place], window: Duration, is_realtime: bool) -> io::Result<Self> {
        let (commands, told) = channel();
        let keyed = Arc::new(AtomicU64::new(0));
        let poll = Poll::new()?;
        let lines = places.iter().map(|place| Line::bind(place, &poll)).collect::<io::Result<Vec<_>>>()?;
        let room = usize::try_from(window.as_millis() / 20).unwrap_or(0) + 100;
        let thread = Thread { told, poll, lines, keyed: keyed.clone(), room, started: Instant::now(), window: None };
        std::thread::Builder::new().name("callers' media".to_owned()).spawn(move || {
            if is_realtime {
                realtime::request();
            }
            thread.run();
        })?;
        Ok(Self { commands, keyed })
    }

    /// A caller's call is up: it talks to `remote` and presses `keys`.
    pub fn open(&self, caller: usize, remote: SocketAddr, keys: Vec<KeyPress>) {
        let _ = self.commands.send(Command::Open { caller, remote, keys });
    }

    /// A caller's call is over.
    pub fn close(&self, caller: usize) {
        let _ = self.commands.send(Command::Close { caller });
    }

    /// From now on nobody presses a key. One that is down is still released.
    pub fn no_more_keys(&self) {
        let _ = self.commands.send(Command::NoMoreKeys);
    }

    /// What comes from now on counts.
    pub fn begin_window(&self) {
        let _ = self.commands.send(Command::BeginWindow);
    }

    /// Ends the window and tells what was measured.
    pub fn end_window(&self) -> Option<Measured> {
        let (result, given) = channel();
        self.commands.send(Command::EndWindow(result)).ok()?;
        given.recv().ok()
    }

    /// Keys pressed and released so far.
    pub fn keyed(&self) -> u64 {
        self.keyed.load(Relaxed)
    }
}

/// One caller's ports and what goes over them.
struct Line {
    rtp: mio::net::UdpSocket,
    /// Held because a phone has it.
    _rtcp: UdpSocket,
    call: Option<Call>,
    stream: Option<Stream>,
}

struct Call {
    remote: SocketAddr,
    since: Instant,
    talker: Talker,
}

impl Line {
    fn bind(place: &Place, poll: &Poll) -> io::Result<Self> {
        let bind = |port| {
            UdpSocket::bind((place.ip, port)).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot bind {}:{port} for a caller: {error}", place.ip))
            })
        };
        let rtp = bind(place.rtp)?;
        rtp.set_nonblocking(true)?;
        let _ = SockRef::from(&rtp).set_recv_buffer_size(RECEIVE_BUFFER);
        let mut rtp = mio::net::UdpSocket::from_std(rtp);
        poll.registry().register(&mut rtp, Token(place.number), Interest::READABLE)?;
        Ok(Self { rtp, _rtcp: bind(place.rtp + 1)?, call: None, stream: None })
    }
}

struct Thread {
    told: Receiver<Command>,
    poll: Poll,
    lines: Vec<Line>,
    keyed: Arc<AtomicU64>,
    room: usize,
    started: Instant,
    window: Option<Measured>,
}

impl Thread {
    fn run(mut self) {
        let mut ready = Events::with_capacity(1024);
        let mut ticks: u32 = 0;
        let mut looked = Instant::now();
        loop {
            if !self.obey() {
                return;
            }
            let now = Instant::now();
            if let Some(window) = &mut self.window {
                let away = now.duration_since(looked).as_secs_f64() * 1e3;
                window.longest_look_ms = window.longest_look_ms.max(away);
            }
            looked = now;
            self.hear(&mut ready);
            let mut due = self.started + TICK * ticks;
            while due <= Instant::now() {
                self.talk(ticks as usize % SLOTS, due);
                ticks += 1;
                due = self.started + TICK * ticks;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn obey(&mut self) -> bool {
        loop {
            match self.told.try_recv() {
                Ok(Command::Open { caller, remote, keys }) => {
                    let since = Instant::now();
                    // Any number will do that differs from call to call.
                    let entropy = since.duration_since(self.started).as_nanos() as u64 ^ ((caller as u64) << 40);
                    if let Some(line) = self.lines.get_mut(caller) {
                        line.call = Some(Call { remote, since, talker: Talker::new(keys, entropy) });
                    }
                }
                Ok(Command::Close { caller }) => {
                    if let Some(line) = self.lines.get_mut(caller) {
                        line.call = None;
                    }
                }
                Ok(Command::NoMoreKeys) => {
                    let calls = self.lines.iter_mut().filter_map(|line| line.call.as_mut());
                    calls.for_each(|call| call.talker.no_more_keys());
                }
                Ok(Command::BeginWindow) => {
                    self.lines.iter_mut().filter_map(|line| line.stream.as_mut()).for_each(Stream::begin_window);
                    self.window = Some(Measured::default());
                }
                Ok(Command::EndWindow(result)) => {
                    let _ = result.send(self.end_window());
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn end_window(&mut self) -> Measured {
        let mut measured = self.window.take().unwrap_or_default();
        let now = self.now();
        for line in &self.lines {
            if let Some(stream) = &line.stream {
                stream.add_to(&mut measured.totals);
            }
            let is_heard = line.stream.as_ref().is_some_and(|stream| now - stream.arrived() < STOPPED);
            measured.silent += u64::from(line.call.is_some() && !is_heard);
        }
        measured.totals.lateness.sort_unstable();
        measured
    }

    /// Microseconds since the thread began.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn hear(&mut self, ready: &mut Events) {
        let mut buffer = [0; 2048];
        loop {
            if self.poll.poll(ready, Some(Duration::ZERO)).is_err() {
                return;
            }
            let mut events = 0;
            for event in &*ready {
                events += 1;
                let Some(line) = self.lines.get_mut(event.token().0) else { continue };
                while let Ok(length) = line.rtp.recv(&mut buffer) {
                    let arrived = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
                    let Some(header) = buffer.get(..length).and_then(Header::parse) else { continue };
                    match &mut line.stream {
                        Some(stream) if stream.ssrc() == header.ssrc => stream.receive(header, arrived),
                        other => {
                            let next = Stream::starting(header, arrived, self.room);
                            if let (Some(ended), Some(window)) = (other.replace(next), &mut self.window) {
                                ended.add_to(&mut window.totals);
                            }
                        }
                    }
                }
            }
            if events < ready.capacity() {
                return;
            }
        }
    }

    fn talk(&mut self, slot: usize, due: Instant) {
        let now = Instant::now();
        let (mut sent, mut unsent) = (0, 0);
        for line in self.lines.iter_mut().skip(slot).step_by(SLOTS) {
            let Some(call) = &mut line.call else { continue };
            let elapsed = now.saturating_duration_since(call.since);
            let is_key = call.talker.turn(elapsed, |datagram| match line.rtp.send_to(datagram, call.remote) {
                Ok(_) => sent += 1,
                Err(_) => unsent += 1,
            });
            if is_key {
                self.keyed.fetch_add(1, Relaxed);
            }
        }
        if let Some(window) = &mut self.window {
            window.sent += sent;
            window.unsent += unsent;
            let delay = now.saturating_duration_since(due).as_secs_f64() * 1e3;
            window.longest_delay_ms = window.longest_delay_ms.max(delay);
        }
    }
}
