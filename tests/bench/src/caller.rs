//! One phone's signalling, as a pure machine: it registers, calls the route point, is in the call for a while, hangs up and
//! calls again. Must not know sockets, media or what is keyed in.
//!
//! It is a generic SIP phone that takes no configuration. Requests are repeated as RFC 3261 section 17.1 has it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::rtp::EVENTS;
use crate::wire::{Message, audio_port, authorization};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// Something to do, or to know.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this to the server.
    Send(String),
    /// The phone is registered.
    Registered,
    /// The call is up; RTP goes there.
    Up(SocketAddr),
    /// The call is over.
    Over {
        /// Whether the server hung up.
        by_server: bool,
    },
    /// It has hung up and may call again.
    Free,
    /// A request was refused with this status, or never answered (0).
    Failed(u16),
    /// A request was sent again.
    Repeated,
}

/// Where and as what a phone speaks.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Tells phones apart.
    pub number: usize,
    /// The phone's address, its alone.
    pub ip: Ipv4Addr,
    /// Its SIP port.
    pub sip: u16,
    /// Its RTP port; RTCP is the one after it.
    pub rtp: u16,
    /// The server.
    pub server: SocketAddr,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Off,
    Registering { is_answering: bool },
    Idle,
    Calling,
    Up,
    HangingUp,
}

/// A request that waits for its answer.
#[derive(Debug)]
struct Pending {
    text: String,
    again: Instant,
    interval: Duration,
    ends: Instant,
    cseq: u32,
}

/// A dialog of ours.
#[derive(Debug, Default)]
struct Dialog {
    call_id: String,
    to: String,
    target: String,
    ack: String,
}

/// One phone.
#[derive(Debug)]
pub struct Caller {
    place: Place,
    /// How often it was replaced by another phone fresh from its box.
    incarnation: u32,
    cseq: u32,
    branches: u32,
    calls: u32,
    state: State,
    dialog: Dialog,
    pending: Option<Pending>,
}

impl Caller {
    /// A phone that was not switched on yet.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            incarnation: 0,
            cseq: 0,
            branches: 0,
            calls: 0,
            state: State::Off,
            dialog: Dialog::default(),
            pending: None,
        }
    }

    /// Whether a call can be made now.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// When [`Caller::elapsed`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.again)
    }

    /// Registers: the first time, or as another phone if this one has become somebody's.
    pub fn register(&mut self, now: Instant, is_new: bool) -> Vec<Output> {
        self.incarnation += u32::from(is_new);
        self.state = State::Registering { is_answering: false };
        let text = self.registration(None);
        self.request(now, text)
    }

    /// Calls `number`.
    pub fn call(&mut self, now: Instant, number: &str) -> Vec<Output> {
        if self.state != State::Idle {
            return Vec::new();
        }
        self.state = State::Calling;
        self.calls += 1;
        let Place { ip, rtp, server, .. } = self.place;
        let call_id = format!("call-{}-{}@{ip}", self.name(), self.calls);
        let target = format!("sip:{number}@{server}");
        self.dialog = Dialog { call_id, to: format!("<{target}>"), target, ack: String::new() };
        let body = format!(
            "v=0\r\no=- {id} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {rtp} RTP/AVP 0 {EVENTS}\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
            id = self.calls,
        );
        let text = self.in_call("INVITE", "Content-Type: application/sdp\r\n", &body);
        self.request(now, text)
    }

    /// Hangs up.
    pub fn hang_up(&mut self, now: Instant) -> Vec<Output> {
        if self.state != State::Up {
            return Vec::new();
        }
        self.state = State::HangingUp;
        let text = self.in_call("BYE", "", "");
        let mut out = vec![Output::Over { by_server: false }];
        out.extend(self.request(now, text));
        out
    }

    /// Takes what the server sent.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) -> Vec<Output> {
        let Some(message) = Message::parse(datagram) else { return Vec::new() };
        match (message.method(), message.status()) {
            (Some("ACK"), _) => Vec::new(),
            (Some(method), _) => self.asked(&message, method),
            (None, Some(status)) => self.answered(now, &message, status),
            (None, None) => Vec::new(),
        }
    }

    /// Repeats what was not answered in time.
    pub fn elapsed(&mut self, now: Instant) -> Vec<Output> {
        let is_first_only = self.state == State::Calling;
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.again <= now) else { return Vec::new() };
        if pending.ends <= now {
            self.pending = None;
            return self.failed(0);
        }
        let doubled = pending.interval * 2;
        pending.interval = if is_first_only { doubled } else { doubled.min(T2) };
        pending.again = now + pending.interval;
        vec![Output::Send(pending.text.clone()), Output::Repeated]
    }

    fn asked(&mut self, message: &Message<'_>, method: &str) -> Vec<Output> {
        if method != "BYE" {
            let status = if method == "INVITE" { "486 Busy Here" } else { "200 OK" };
            return vec![Output::Send(message.answer(status))];
        }
        if message.header("Call-ID") != Some(&self.dialog.call_id) {
            return vec![Output::Send(message.answer("481 No Such Call"))];
        }
        let mut out = vec![Output::Send(message.answer("200 OK"))];
        if self.state == State::Up {
            self.state = State::Idle;
            out.push(Output::Over { by_server: true });
        }
        out
    }

    fn answered(&mut self, now: Instant, message: &Message<'_>, status: u16) -> Vec<Output> {
        let Some((cseq, method)) = message.cseq() else { return Vec::new() };
        let is_ours = message.header("Call-ID") == Some(&self.dialog.call_id);
        if method == "INVITE" && is_ours && self.state == State::Up && (200..300).contains(&status) {
            return vec![Output::Send(self.dialog.ack.clone())];
        }
        if self.pending.as_ref().is_none_or(|pending| pending.cseq != cseq) {
            return Vec::new();
        }
        if status < 200 {
            if let (Some(pending), State::Calling) = (&mut self.pending, &self.state) {
                pending.again = pending.ends;
            }
            return Vec::new();
        }
        self.pending = None;
        match (&self.state, status) {
            (State::Registering { is_answering: false }, 401) => self.challenged(now, message),
            (State::Registering { .. }, 200) => {
                self.state = State::Idle;
                vec![Output::Registered]
            }
            (State::Calling, 200..=299) => self.accepted(message),
            (State::Calling, _) => {
                self.dialog.to = message.header("To").unwrap_or_default().to_owned();
                // It belongs to the INVITE's transaction, whose branch it has (RFC 3261 section 17.1.1.3).
                self.branches -= 1;
                let ack = self.acknowledgement(cseq);
                let mut out = vec![Output::Send(ack)];
                out.extend(self.failed(status));
                out
            }
            (State::HangingUp, _) => {
                self.state = State::Idle;
                vec![Output::Free]
            }
            _ => self.failed(status),
        }
    }

    fn challenged(&mut self, now: Instant, message: &Message<'_>) -> Vec<Output> {
        let uri = self.registrar();
        let answer = message
            .header("WWW-Authenticate")
            .and_then(|challenge| authorization(challenge, &self.name(), "secret", "REGISTER", &uri));
        let Some(answer) = answer else { return self.failed(401) };
        self.state = State::Registering { is_answering: true };
        let text = self.registration(Some(&answer));
        self.request(now, text)
    }

    fn accepted(&mut self, message: &Message<'_>) -> Vec<Output> {
        self.dialog.to = message.header("To").unwrap_or_default().to_owned();
        if let Some(contact) = message.contact() {
            self.dialog.target = contact.to_owned();
        }
        let ack = self.acknowledgement(self.cseq);
        self.dialog.ack = ack.clone();
        self.state = State::Up;
        let Some(port) = audio_port(message.body) else { return vec![Output::Send(ack), Output::Failed(200)] };
        vec![Output::Send(ack), Output::Up(SocketAddr::new(self.place.server.ip(), port))]
    }

    fn failed(&mut self, status: u16) -> Vec<Output> {
        self.state = match self.state {
            State::Registering { .. } | State::Off => State::Off,
            _ => State::Idle,
        };
        vec![Output::Failed(status)]
    }

    fn request(&mut self, now: Instant, text: String) -> Vec<Output> {
        let pending =
            Pending { text: text.clone(), again: now + T1, interval: T1, ends: now + T1 * 64, cseq: self.cseq };
        self.pending = Some(pending);
        vec![Output::Send(text)]
    }

    /// Its address-of-record's user part.
    fn name(&self) -> String {
        format!("bench-{}-{}", self.place.number, self.incarnation)
    }

    fn registrar(&self) -> String {
        format!("sip:{}", self.place.server)
    }

    fn registration(&mut self, answer: Option<&str>) -> String {
        let (uri, name, Place { ip, sip, server, .. }) = (self.registrar(), self.name(), self.place);
        let more = answer.map_or(String::new(), |answer| format!("Authorization: {answer}\r\n"));
        let (from, to) = (format!("<sip:{name}@{server}>"), format!("<sip:{name}@{server}>"));
        let contact =
            format!("Contact: <sip:{name}@{ip}:{sip}>\r\nExpires: 300\r\nUser-Agent: dialogue-bench\r\n{more}");
        self.message("REGISTER", &uri, &from, &to, &format!("reg-{name}@{ip}"), &contact, "")
    }

    fn in_call(&mut self, method: &str, more: &str, body: &str) -> String {
        let (name, Place { ip, sip, server, .. }) = (self.name(), self.place);
        let Dialog { call_id, to, target, .. } = &self.dialog;
        let (call_id, to, target) = (call_id.clone(), to.clone(), target.clone());
        let more = format!("Contact: <sip:{name}@{ip}:{sip}>\r\n{more}");
        self.message(method, &target, &format!("<sip:{name}@{server}>"), &to, &call_id, &more, body)
    }

    fn acknowledgement(&mut self, cseq: u32) -> String {
        self.cseq = cseq.wrapping_sub(1);
        self.in_call("ACK", "", "")
    }

    #[allow(clippy::too_many_arguments)]
    fn message(
        &mut self,
        method: &str,
        uri: &str,
        from: &str,
        to: &str,
        call_id: &str,
        more: &str,
        body: &str,
    ) -> String {
        self.cseq += 1;
        self.branches += 1;
        let Place { ip, sip, number, .. } = self.place;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {ip}:{sip};branch=z9hG4bK-{number}-{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {from};tag=t{number}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             {more}Content-Length: {length}\r\n\r\n{body}",
            branch = self.branches,
            cseq = self.cseq,
            length = body.len(),
        )
    }
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod tests;
