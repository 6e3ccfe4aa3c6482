//! The callers' SIP: one thread that registers them, lets them call one after another, and keeps them calling.
//! Must not know RTP, or how anything is measured.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use crate::caller::{Caller, Output, Place};
use crate::media::Media;
use crate::plan::Plan;

/// Registrations begun in a second.
const REGISTRATIONS: f64 = 200.0;
/// How long a phone waits before it tries again what failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the callers are to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Phase {
    /// Register.
    Register,
    /// Call, and call again when a call is over.
    Call,
    /// Hang up, and call no more.
    HangUp,
    /// End.
    Stop,
}

/// What the callers did so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Phones registered; one that became somebody's is counted again for the one in its place.
    pub registered: AtomicU64,
    /// Calls that came up.
    pub answered: AtomicU64,
    /// Calls up now.
    pub up: AtomicU64,
    /// Calls the server ended.
    pub ended_by_server: AtomicU64,
    /// Requests sent again.
    pub repeated: AtomicU64,
    failed: Mutex<BTreeMap<u16, u64>>,
}

impl Tally {
    /// Requests refused, by the status; 0 for those never answered.
    pub fn failures(&self) -> BTreeMap<u16, u64> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, status: u16) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_insert(0) += 1;
    }
}

/// The handle of the thread.
pub struct Signalling {
    phase: Arc<AtomicU8>,
    /// What the callers did so far.
    pub tally: Arc<Tally>,
}

impl Signalling {
    /// Binds every caller's SIP port and starts to register them.
    pub fn start(places: &[Place], media: Media, plan: Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut phones = Vec::with_capacity(places.len());
        for place in places {
            let mut socket = UdpSocket::bind((place.ip, place.sip).into())?;
            poll.registry().register(&mut socket, Token(place.number), Interest::READABLE)?;
            phones.push(Phone {
                caller: Caller::new(*place),
                socket,
                server: place.server,
                hang_up: None,
                will_be_bound: false,
            });
        }
        let phase = Arc::new(AtomicU8::new(Phase::Register as u8));
        let tally = Arc::new(Tally::default());
        let thread =
            Thread { poll, phones, media, plan, tally: tally.clone(), phase: phase.clone(), due: BinaryHeap::new() };
        std::thread::Builder::new().name("callers' SIP".to_owned()).spawn(move || thread.run())?;
        Ok(Self { phase, tally })
    }

    /// From now on the callers do this.
    pub fn go(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }
}

struct Phone {
    caller: Caller,
    socket: UdpSocket,
    server: SocketAddr,
    hang_up: Option<Instant>,
    /// The call under way is to end with this phone being somebody's.
    will_be_bound: bool,
}

/// What a phone has to look after.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    Register,
    Call,
    HangUp,
    Repeat,
}

struct Thread {
    poll: Poll,
    phones: Vec<Phone>,
    media: Media,
    plan: Plan,
    tally: Arc<Tally>,
    phase: Arc<AtomicU8>,
    due: BinaryHeap<Reverse<(Instant, usize, Due)>>,
}

impl Thread {
    fn run(mut self) {
        let mut ready = Events::with_capacity(1024);
        let begun = Instant::now();
        for number in 0..self.phones.len() {
            self.later(begun + Duration::from_secs_f64(number as f64 / REGISTRATIONS), number, Due::Register);
        }
        let mut phase = Phase::Register as u8;
        while phase != Phase::Stop as u8 {
            let told = self.phase.load(Relaxed);
            if told != phase {
                phase = told;
                self.turn_to(told);
            }
            let now = Instant::now();
            while let Some(Reverse((at, number, due))) = self.due.peek().copied()
                && at <= now
            {
                self.due.pop();
                self.look_after(now, number, due);
            }
            if self.poll.poll(&mut ready, Some(Duration::from_millis(2))).is_err() {
                continue;
            }
            let mut buffer = [0; 4096];
            for event in &ready {
                let number = event.token().0;
                while let Some(length) = self.phones.get(number).and_then(|phone| phone.socket.recv(&mut buffer).ok()) {
                    let now = Instant::now();
                    let datagram = buffer.get(..length).unwrap_or_default();
                    let out = self.phones.get_mut(number).map(|phone| phone.caller.receive(now, datagram));
                    self.carry_out(now, number, out.unwrap_or_default());
                }
            }
        }
    }

    fn later(&mut self, at: Instant, number: usize, due: Due) {
        self.due.push(Reverse((at, number, due)));
    }

    fn turn_to(&mut self, phase: u8) {
        let now = Instant::now();
        let count = self.phones.len();
        if phase == Phase::Call as u8 {
            for number in 0..count {
                self.later(now + self.plan.ramp.mul_f64(number as f64 / count as f64), number, Due::Call);
            }
        }
        if phase == Phase::HangUp as u8 {
            for number in 0..count {
                // Not all in one moment: this is not what is measured.
                self.later(now + Duration::from_millis(2) * number as u32, number, Due::HangUp);
            }
        }
    }

    fn look_after(&mut self, now: Instant, number: usize, due: Due) {
        let is_calling = self.phase.load(Relaxed) == Phase::Call as u8;
        let is_leaving = self.phase.load(Relaxed) == Phase::HangUp as u8;
        let Some(phone) = self.phones.get_mut(number) else { return };
        let out = match due {
            Due::Register => {
                let is_new = std::mem::take(&mut phone.will_be_bound);
                phone.caller.register(now, is_new)
            }
            Due::Call if is_calling => phone.caller.call(now, &self.plan.number),
            Due::HangUp if is_leaving || phone.hang_up.is_some_and(|at| at <= now) => phone.caller.hang_up(now),
            Due::Call | Due::HangUp => Vec::new(),
            Due::Repeat => phone.caller.elapsed(now),
        };
        self.carry_out(now, number, out);
    }

    fn carry_out(&mut self, now: Instant, number: usize, out: Vec<Output>) {
        for output in out {
            let Some(phone) = self.phones.get_mut(number) else { return };
            match output {
                Output::Send(text) => {
                    // What is not sent is repeated.
                    let _ = phone.socket.send_to(text.as_bytes(), phone.server);
                }
                Output::Registered => {
                    self.tally.registered.fetch_add(1, Relaxed);
                    self.later(now, number, Due::Call);
                }
                Output::Free => self.later(now, number, Due::Call),
                Output::Up(remote) => {
                    let call = self.plan.next_call(now);
                    phone.hang_up = Some(now + call.length);
                    phone.will_be_bound = call.binds;
                    self.tally.answered.fetch_add(1, Relaxed);
                    self.tally.up.fetch_add(1, Relaxed);
                    self.media.open(number, remote, call.keys);
                    self.later(now + call.length, number, Due::HangUp);
                }
                Output::Over { by_server } => {
                    phone.hang_up = None;
                    self.media.close(number);
                    self.tally.up.fetch_sub(1, Relaxed);
                    if by_server {
                        self.tally.ended_by_server.fetch_add(1, Relaxed);
                        let next = if phone.will_be_bound { Due::Register } else { Due::Call };
                        self.later(now, number, next);
                    } else {
                        phone.will_be_bound = false;
                    }
                }
                Output::Failed(status) => {
                    self.tally.fail(status);
                    let next = if phone.caller.is_idle() { Due::Call } else { Due::Register };
                    self.later(now + PATIENCE, number, next);
                }
                Output::Repeated => {
                    self.tally.repeated.fetch_add(1, Relaxed);
                }
            }
        }
        if let Some(at) = self.phones.get(number).and_then(|phone| phone.caller.deadline()) {
            self.later(at, number, Due::Repeat);
        }
    }
}
