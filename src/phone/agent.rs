//! What all parts of one phone share: its line, its sockets, who waits for which response, and which calls are up.
//!
//! Must not know registration or calls; they know it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::error::PhoneError;
use super::event::{Direction, PhoneEvent};
use super::fields::{param, split_host_port};
use super::line::{Line, Tasks};
use super::message::Message;
use super::options::{Account, PhoneOptions, SipTransport};
use super::transport::{Arrived, Transport};

/// Calls at once; a 420HD has two lines' worth of keys.
const MOST_CALLS: usize = 4;
/// Server transactions remembered, to answer a repeated request the same again.
const MOST_ANSWERS: usize = 64;
/// What the phone understands.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, INFO, UPDATE";

/// The shared part of one phone.
pub struct Agent {
    /// What it is.
    pub options: PhoneOptions,
    /// Its sockets.
    pub transport: Arc<Transport>,
    /// Its tasks.
    pub tasks: Tasks,
    /// What it challenges with.
    pub nonce: String,
    /// How many calls there are.
    pub calls: watch::Sender<usize>,
    started: Instant,
    line: Mutex<Line>,
    waiting: Mutex<HashMap<String, mpsc::Sender<Message>>>,
    dialogs: Mutex<HashMap<String, mpsc::Sender<Arrived>>>,
    answers: Mutex<VecDeque<(String, Option<Vec<u8>>)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 16 random characters: tags, branches, client nonces.
pub fn token() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}

impl Agent {
    /// A phone on these sockets.
    pub fn new(options: PhoneOptions, transport: Arc<Transport>, tasks: Tasks) -> Self {
        Self {
            line: Mutex::new(Line::new(&options)),
            options,
            transport,
            tasks,
            nonce: token(),
            calls: watch::Sender::new(0),
            started: Instant::now(),
            waiting: Mutex::default(),
            dialogs: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    /// Tells an event, unless nobody keeps up with them.
    pub fn tell(&self, event: PhoneEvent) {
        if self.options.events.try_send(event).is_err() {
            tracing::trace!("an event of the phone was not taken");
        }
    }

    /// The line, for a moment: never held across an await.
    pub fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }

    /// The account, and how its SIP travels.
    pub fn account(&self) -> Result<(Account, SipTransport), PhoneError> {
        let line = self.line();
        line.account.clone().map(|account| (account, line.transport)).ok_or(PhoneError::NoAccount)
    }

    /// The phone's own address as others should use it.
    pub fn address(&self) -> SocketAddr {
        let (line, local) = (self.line(), self.transport.local());
        match (line.transport, line.public) {
            // Over TCP the port seen is the connection's, not the one listened on.
            (SipTransport::Udp, Some(public)) => public,
            (SipTransport::Tcp, Some(public)) => SocketAddr::new(public.ip(), local.port()),
            (_, None) => local,
        }
    }

    /// The Contact of this phone for that number.
    pub fn contact(&self, number: &str) -> String {
        let address = self.address();
        match self.line().transport {
            SipTransport::Udp => format!("<sip:{number}@{address}>"),
            SipTransport::Tcp => format!("<sip:{number}@{address};transport=tcp>"),
        }
    }

    /// A Via with a new branch.
    pub fn via(&self, over: SipTransport) -> String {
        format!("SIP/2.0/{} {};branch=z9hG4bK{};rport", over.token(), self.transport.local(), token())
    }

    /// Learns from a response how the server sees this phone (RFC 3581); says whether that is news.
    pub fn learn_address(&self, response: &Message) -> bool {
        let Some(via) = response.header("Via") else { return false };
        let local = self.transport.local();
        let ip = param(via, "received").and_then(|ip| ip.parse().ok()).unwrap_or(local.ip());
        let port = param(via, "rport").and_then(|port| port.parse().ok()).unwrap_or(local.port());
        let before = self.address();
        self.line().public = Some(SocketAddr::new(ip, port));
        self.address() != before
    }

    /// Sends a message and tells it.
    pub async fn send(&self, message: &Message, over: SipTransport, peer: SocketAddr) -> Result<(), PhoneError> {
        self.tell_sip(Direction::Sent, message, peer);
        self.transport.send(over, peer, message.write()).await
    }

    /// Tells that a message went over the wire.
    pub fn tell_sip(&self, direction: Direction, message: &Message, peer: SocketAddr) {
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.tell(PhoneEvent::Sip { direction, summary: message.summary(), peer: peer.to_string(), at_ms });
    }

    /// Waits for the responses of one client transaction.
    pub fn expect(&self, key: String) -> mpsc::Receiver<Message> {
        let (sender, receiver) = mpsc::channel(16);
        lock(&self.waiting).insert(key, sender);
        receiver
    }

    /// Waits no longer.
    pub fn expect_no_more(&self, key: &str) {
        lock(&self.waiting).remove(key);
    }

    /// Hands a response to whoever waits for it; given back where nobody does.
    pub fn hand_response(&self, arrived: Arrived) -> Option<Arrived> {
        let waiting = transaction_key(&arrived.message).and_then(|key| lock(&self.waiting).get(&key).cloned());
        match waiting {
            Some(waiting) => {
                let _ = waiting.try_send(arrived.message);
                None
            }
            None => Some(arrived),
        }
    }

    /// Registers a call by its Call-ID; nothing where there are too many.
    pub fn open_dialog(&self, call_id: &str) -> Option<mpsc::Receiver<Arrived>> {
        let mut dialogs = lock(&self.dialogs);
        if dialogs.len() >= MOST_CALLS || dialogs.contains_key(call_id) {
            return None;
        }
        let (sender, receiver) = mpsc::channel(32);
        dialogs.insert(call_id.to_owned(), sender);
        self.calls.send_replace(dialogs.len());
        Some(receiver)
    }

    /// The call is over.
    pub fn close_dialog(&self, call_id: &str) {
        let mut dialogs = lock(&self.dialogs);
        dialogs.remove(call_id);
        self.calls.send_replace(dialogs.len());
    }

    /// Hands a message to its call; given back where there is none.
    pub fn hand_to_dialog(&self, arrived: Arrived) -> Option<Arrived> {
        let dialog = lock(&self.dialogs).get(arrived.message.call_id()).cloned();
        match dialog {
            Some(dialog) => dialog.try_send(arrived).err().map(|error| error.into_inner()),
            None => Some(arrived),
        }
    }

    /// Begins a server transaction: true for a new request. A repeated one gets the response it got before.
    pub async fn begin_answer(&self, arrived: &Arrived) -> bool {
        let Some(key) = transaction_key(&arrived.message) else { return false };
        let before = {
            let mut answers = lock(&self.answers);
            let before = answers.iter().find(|(known, _)| *known == key).map(|(_, bytes)| bytes.clone());
            if before.is_none() {
                if answers.len() >= MOST_ANSWERS {
                    answers.pop_front();
                }
                answers.push_back((key, None));
            }
            before
        };
        match before {
            None => true,
            Some(bytes) => {
                if let Some(bytes) = bytes {
                    let _ = self.transport.send(arrived.transport, arrived.peer, bytes).await;
                }
                false
            }
        }
    }

    /// Answers a request where it came from.
    pub async fn answer(&self, arrived: &Arrived, response: Message) {
        if let Some(key) = transaction_key(&arrived.message) {
            let bytes = response.write();
            let mut answers = lock(&self.answers);
            if let Some((_, kept)) = answers.iter_mut().find(|(known, _)| *known == key) {
                *kept = Some(bytes);
            }
        }
        if let Err(error) = self.send(&response, arrived.transport, arrived.peer).await {
            tracing::debug!(%error, "a response was not sent");
        }
    }

    /// A response with what the phone puts on all of them.
    pub fn response(&self, request: &Message, status: u16, reason: &str) -> Message {
        let mut response = Message::response(request, status, reason);
        if status > 100 && response.header("To").is_some_and(|to| param(to, "tag").is_none()) {
            let to = format!("{};tag={}", response.header("To").unwrap_or_default(), token());
            response.set("To", to);
        }
        response.push("User-Agent", self.options.user_agent.clone());
        response.push("Allow", ALLOW);
        response
    }
}

/// What names a transaction: the top Via's branch and the method (RFC 3261 section 17); an ACK goes with nothing.
pub fn transaction_key(message: &Message) -> Option<String> {
    let branch = param(message.header("Via")?, "branch")?;
    Some(format!("{branch} {}", message.method()))
}

/// The address of `host` or `host:port`.
pub async fn resolve(authority: &str) -> Result<SocketAddr, PhoneError> {
    let unknown = || PhoneError::NoAddress(authority.to_owned());
    let (host, port) = split_host_port(authority).ok_or_else(unknown)?;
    let mut addresses = tokio::net::lookup_host((host, port)).await.map_err(|_| unknown())?;
    addresses.next().ok_or_else(unknown)
}
