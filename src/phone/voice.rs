//! The sound of one call: an RTP port that sends silence or keys all the time, and records and passes on what it receives.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use super::agent::Agent;
use super::call::CallView;
use super::ear::{Sound, listen};
use super::error::PhoneError;
use super::keypad::{Key, Keypad, TICK, Tick};
use super::options::Codec;
use super::rtp::{Incoming, Outgoing};

/// Samples kept of what was received: 2 minutes.
const RECORDED: usize = 120 * 8_000;
/// Tries to get an even port, as RFC 3550 section 11 likes it.
const PORT_TRIES: usize = 8;

/// Where the sound goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// The other side's RTP address.
    pub remote: SocketAddr,
    /// The codec sent.
    pub codec: Codec,
    /// The payload type of telephone events, where negotiated.
    pub events: Option<u8>,
    /// Whether the other side wants to receive.
    pub sends: bool,
}

enum Command {
    Connect(Path),
    Press { keys: Vec<Key>, in_band: bool, done: oneshot::Sender<()> },
    Flush(oneshot::Sender<()>),
}

/// What was received last, 8 kHz.
pub type Recording = Arc<Mutex<VecDeque<i16>>>;

/// The sound of one call. Ends when dropped.
pub struct Voice {
    /// The RTP address.
    pub local: SocketAddr,
    /// What was received.
    pub recording: Recording,
    commands: mpsc::Sender<Command>,
}

impl Voice {
    /// Opens an RTP port and listens.
    pub async fn open(agent: &Arc<Agent>, view: Arc<watch::Sender<CallView>>) -> Result<Self, PhoneError> {
        let socket = bind(agent.options.local_ip).await.map_err(PhoneError::Port)?;
        let local = socket.local_addr().map_err(PhoneError::Port)?;
        let (commands, waiting) = mpsc::channel(16);
        let recording = Recording::default();
        let line = RtpLine {
            socket,
            path: None,
            outgoing: Outgoing::new(rand::random(), rand::random(), rand::random()),
            incoming: Incoming::default(),
            keypad: Keypad::default(),
            pressed: Vec::new(),
            recording: recording.clone(),
            ear: listen(agent.clone(), view),
        };
        agent.tasks.spawn(line.run(waiting));
        Ok(Self { local, recording, commands })
    }

    /// Begins or changes where sound goes.
    pub async fn connect(&self, path: Path) {
        let _ = self.commands.send(Command::Connect(path)).await;
    }

    /// Presses keys, as events or as tones; the receiver is told once they are sent.
    pub async fn press(&self, keys: Vec<Key>, in_band: bool) -> oneshot::Receiver<()> {
        let (done, finished) = oneshot::channel();
        let _ = self.commands.send(Command::Press { keys, in_band, done }).await;
        finished
    }

    /// Tells what was heard so far.
    pub async fn flush(&self) {
        let (answer, answered) = oneshot::channel();
        if self.commands.send(Command::Flush(answer)).await.is_ok() {
            let _ = answered.await;
        }
    }
}

async fn bind(ip: IpAddr) -> std::io::Result<UdpSocket> {
    let mut odd = Vec::new();
    loop {
        let socket = UdpSocket::bind((ip, 0)).await?;
        if socket.local_addr()?.port() % 2 == 0 || odd.len() >= PORT_TRIES {
            return Ok(socket);
        }
        // Kept until an even one is found, or the system would give the same one again.
        odd.push(socket);
    }
}

struct RtpLine {
    socket: UdpSocket,
    path: Option<Path>,
    outgoing: Outgoing,
    incoming: Incoming,
    keypad: Keypad,
    pressed: Vec<oneshot::Sender<()>>,
    recording: Recording,
    ear: mpsc::Sender<Sound>,
}

impl RtpLine {
    async fn run(mut self, mut waiting: mpsc::Receiver<Command>) {
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut buffer = vec![0; 2048];
        loop {
            tokio::select! {
                command = waiting.recv() => match command {
                    None => return,
                    Some(Command::Connect(path)) => self.path = Some(path),
                    Some(Command::Press { keys, in_band, done }) => {
                        let _ = self.ear.send(Sound::Interrupted(None)).await;
                        self.keypad.press(&keys, in_band);
                        self.pressed.push(done);
                    }
                    Some(Command::Flush(answer)) => {
                        let _ = self.ear.send(Sound::Interrupted(Some(answer))).await;
                    }
                },
                _ = clock.tick() => self.send().await,
                received = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, from)) = received {
                        self.take(buffer.get(..length).unwrap_or_default(), from);
                    }
                }
            }
        }
    }

    async fn send(&mut self) {
        let Some(path) = self.path.filter(|path| path.sends) else { return };
        let packet = match self.keypad.tick(self.outgoing.timestamp()) {
            Tick::Silence => self.outgoing.audio(path.codec, &[0; TICK]),
            Tick::Tone(samples) => self.outgoing.audio(path.codec, samples.as_slice()),
            Tick::Event(event) => self.outgoing.event(path.events.unwrap_or(101), &event),
        };
        self.outgoing.advance(TICK as u32);
        // An unreachable port is told by ICMP; the call goes on.
        let _ = self.socket.send_to(&packet, path.remote).await;
        if self.keypad.is_idle() {
            for done in self.pressed.drain(..) {
                let _ = done.send(());
            }
        }
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        // Only from where the signalling said.
        if self.path.is_none_or(|path| path.remote.ip() != from.ip()) {
            return;
        }
        let samples = self.incoming.arrive(datagram);
        if samples.is_empty() {
            return;
        }
        {
            let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
            recording.extend(&samples);
            let surplus = recording.len().saturating_sub(RECORDED);
            recording.drain(..surplus);
        }
        if self.ear.try_send(Sound::Samples(samples)).is_err() {
            tracing::debug!("the phone's ear cannot keep up; sound was dropped");
        }
    }
}
