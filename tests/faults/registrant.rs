//! A phone's registration written out by hand, for what a whole phone is too polite for: wrong passwords, old nonces, names
//! tried one after the other. Each comes from an address of its own in 127.0.0.0/8.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tsunagu::sip::digest::authorize;
use tsunagu::vocab::Secret;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long somebody patient waits before sending again.
const T1: Duration = Duration::from_millis(500);

/// Somebody who registers.
pub struct Registrant {
    socket: UdpSocket,
    server: SocketAddr,
    /// What it authenticates as.
    pub name: String,
    /// The user of its address-of-record.
    pub number: String,
    password: Secret,
    /// Further headers of its requests, each with its end of line.
    pub headers: String,
    /// Parameters of its Contact, each with its semicolon.
    pub contact_params: String,
    /// What it calls.
    pub dials: String,
    /// Where it says it is reached; by default where it is.
    pub reached_at: Option<SocketAddr>,
    is_patient: bool,
    turn: AtomicU32,
}

impl Registrant {
    /// At 127.0.0.`host`, under its own name.
    pub fn new(server: SocketAddr, host: u8, name: &str, password: &str) -> Self {
        Self::by(UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).unwrap(), server, name, password)
    }

    /// The same by this socket.
    pub fn by(socket: UdpSocket, server: SocketAddr, name: &str, password: &str) -> Self {
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let (name, password) = (name.to_owned(), Secret::from(password.to_owned()));
        let (number, headers, contact_params) = (name.clone(), String::new(), String::new());
        let (is_patient, turn, dials) = (false, AtomicU32::new(0), "2000".to_owned());
        Self {
            socket,
            server,
            number,
            name,
            password,
            headers,
            contact_params,
            dials,
            reached_at: None,
            is_patient,
            turn,
        }
    }

    /// The same that sends again what is not answered (RFC 3261 section 17.1.2), as phones do.
    pub fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// The same by another socket, going on from this CSeq.
    pub fn on(mut self, socket: UdpSocket, turn: u32) -> Self {
        self.turn = AtomicU32::new(turn);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.server).unwrap();
        self.socket = socket;
        self
    }

    /// The same, going on from this CSeq.
    pub fn going_on_from(mut self, turn: u32) -> Self {
        self.turn = AtomicU32::new(turn);
        self
    }

    /// Answers the server's next OPTIONS.
    pub fn answers_when_asked(&self) {
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        answers_next(&self.socket, "OPTIONS ", "200 OK");
    }

    /// True if nobody answers a request, sent three times.
    pub fn is_ignored(&self, method: &str) -> bool {
        self.turn.fetch_add(1, Ordering::Relaxed);
        let mut buffer = [0; 4096];
        (0..3).all(|_| {
            self.send(method, "", None);
            self.socket.set_read_timeout(Some(T1)).unwrap();
            self.socket.recv(&mut buffer).is_err()
        })
    }

    /// Its socket, for somebody else.
    pub fn into_socket(self) -> UdpSocket {
        let place = self.place();
        drop(self.socket);
        let socket = UdpSocket::bind(place).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// The CSeq of its last request.
    pub fn turn(&self) -> u32 {
        self.turn.load(Ordering::Relaxed)
    }

    /// Where it is.
    pub fn place(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// The same with a number for its address-of-record.
    pub fn with_number(mut self, number: &str) -> Self {
        number.clone_into(&mut self.number);
        self
    }

    /// A request without credentials.
    pub fn knock(&self, method: &str) -> String {
        self.ask(method, None)
    }

    /// Answers what an answer challenges with, counting `nc`; nothing counts for a client of RFC 2069.
    pub fn answer(&self, method: &str, challenged: &str, nc: Option<u32>) -> String {
        let challenges: Vec<String> = challenges(challenged)
            .iter()
            .map(|it| match nc {
                Some(_) => it.clone(),
                None => it.replace(", qop=\"auth\"", ""),
            })
            .collect();
        let challenges: Vec<&str> = challenges.iter().map(String::as_str).collect();
        let uri = self.uri(method);
        let credentials =
            authorize(&challenges, method, &uri, &self.name, &self.password, "c0", nc.unwrap_or(1)).unwrap();
        self.ask(method, Some(credentials))
    }

    /// Knocks and answers: gives what comes of it.
    pub fn try_once(&self, method: &str) -> String {
        let challenged = self.knock(method);
        assert_eq!(status(&challenged), 401, "{challenged}");
        self.answer(method, &challenged, Some(1))
    }

    /// The same request again, with the same credentials, as somebody sends it who overheard them.
    pub fn replay(&self, method: &str, credentials: &str) -> String {
        self.ask(method, Some(credentials.to_owned()))
    }

    /// The credentials by which it answers a challenge.
    pub fn credentials(&self, method: &str, challenged: &str) -> String {
        let challenges = challenges(challenged);
        let challenges: Vec<&str> = challenges.iter().map(String::as_str).collect();
        authorize(&challenges, method, &self.uri(method), &self.name, &self.password, "c0", 1).unwrap()
    }

    /// Registers.
    pub fn register(&self) -> String {
        self.try_once("REGISTER")
    }

    fn uri(&self, method: &str) -> String {
        if method == "INVITE" { format!("sip:{}@{}", self.dials, self.server) } else { format!("sip:{}", self.server) }
    }

    /// The final answer to a request; one to an INVITE is acknowledged.
    fn ask(&self, method: &str, credentials: Option<String>) -> String {
        self.turn.fetch_add(1, Ordering::Relaxed);
        let wanted = format!("CSeq: {} {method}", self.turn.load(Ordering::Relaxed));
        let sent = self.send(method, "", credentials);
        let mut buffer = [0; 4096];
        let (began, mut wait) = (Instant::now(), if self.is_patient { T1 } else { PATIENCE });
        loop {
            self.socket.set_read_timeout(Some(wait)).unwrap();
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if self.is_patient && began.elapsed() < PATIENCE => {
                    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{method} {}", self.name);
                    wait = (2 * wait).min(8 * T1);
                    self.socket.send(sent.as_bytes()).unwrap();
                    continue;
                }
                Err(error) => panic!("{method} {}: {error}", self.name),
            };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("SIP/2.0 ") && status(&text) >= 200 && text.contains(&wanted) {
                if method == "INVITE" {
                    let to = text.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
                    self.send("ACK", to, None);
                }
                return text;
            }
        }
    }

    fn send(&self, method: &str, to: &str, credentials: Option<String>) -> String {
        let (own, server, name, turn) =
            (self.socket.local_addr().unwrap(), self.server, &self.number, self.turn.load(Ordering::Relaxed));
        let callee = if method == "REGISTER" { name } else { &self.dials };
        let uri = self.uri(if method == "ACK" { "INVITE" } else { method });
        let to = if to.is_empty() { format!("<sip:{callee}@{server}>") } else { to.to_owned() };
        let credentials = credentials.map(|text| format!("Authorization: {text}\r\n")).unwrap_or_default();
        let Self { headers, contact_params, .. } = self;
        let reached_at = self.reached_at.unwrap_or(own);
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{turn}\r\nMax-Forwards: 70\r\n\
             From: <sip:{name}@{server}>;tag=1\r\nTo: {to}\r\nCall-ID: {own}\r\nCSeq: {turn} {method}\r\n\
             Contact: <sip:{name}@{reached_at}>{contact_params}\r\n{headers}{credentials}Content-Length: 0\r\n\r\n"
        );
        self.socket.send(text.as_bytes()).unwrap();
        text
    }

    /// An answer without what is different in every answer, and with this one's name and address taken out.
    pub fn masked(&self, answer: &str) -> String {
        let own = self.socket.local_addr().unwrap();
        let mut text = answer.replace(&own.to_string(), "OWN").replace(&format!("rport={}", own.port()), "rport=PORT");
        text = text.replace(&format!("sip:{}@", self.number), "sip:NAME@");
        for (start, end) in [("nonce=\"", "\""), (";tag=", "\r"), ("CSeq: ", " ")] {
            text = mask(&text, start, end);
        }
        mask(&text, "branch=", ";").lines().collect::<Vec<_>>().join("\n")
    }
}

/// Takes out what stands between `start` and `end`, wherever it does.
fn mask(text: &str, start: &str, end: &str) -> String {
    let mut pieces = text.split(start);
    let mut masked = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        masked.push_str(start);
        masked.push_str(piece.find(end).map_or("", |at| &piece[at..]));
    }
    masked
}

/// Answers the next request that starts so; others are passed over.
pub fn answers_next(socket: &UdpSocket, start: &str, status: &str) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.starts_with(start) {
            let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let kept = text.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
            let tagged = |line: &str| if line.starts_with("To:") { ";tag=b" } else { "" };
            let kept: String = kept.map(|line| format!("{line}{}\r\n", tagged(line))).collect();
            socket.send_to(format!("SIP/2.0 {status}\r\n{kept}Content-Length: 0\r\n\r\n").as_bytes(), from).unwrap();
            return;
        }
    }
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not an answer: {answer}"))
}

/// What an answer challenges with.
pub fn challenges(answer: &str) -> Vec<String> {
    answer.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).map(str::to_owned).collect()
}

/// A header of an answer.
pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
