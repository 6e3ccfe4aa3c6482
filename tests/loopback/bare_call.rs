//! A call written out by hand, by somebody who speaks G.711 and no telephone events, for what a whole phone is too slow or
//! too polite for. It says no password: it must come from a generic phone that is registered from this machine.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A call that is up.
pub struct BareCall {
    sip: UdpSocket,
    rtp: UdpSocket,
    server: SocketAddr,
    user: String,
    to: String,
    cseq: Cell<u32>,
}

impl BareCall {
    /// Calls the route point as `user`. `Err` is the first line of a refusal, or what went wrong.
    pub fn place(server: SocketAddr, user: &str) -> Result<Self, String> {
        Self::place_in(server, user, "0", "a=rtpmap:0 PCMU/8000\r\n").map(|(call, _)| call)
    }

    /// The same, in this payload type with these attributes. Gives the answer too.
    pub fn place_in(
        server: SocketAddr,
        user: &str,
        payload_type: &str,
        attributes: &str,
    ) -> Result<(Self, String), String> {
        let open = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (sip, rtp) = (open(), open());
        sip.connect(server).unwrap();
        sip.set_read_timeout(Some(PATIENCE)).unwrap();
        let (to, cseq) = (format!("<sip:2000@{server}>"), Cell::new(1));
        let mut call = Self { sip, rtp, server, user: user.to_owned(), to, cseq };
        let port = call.rtp.local_addr().unwrap().port();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload_type}\r\n\
             {attributes}"
        );
        let answer = call.ask("INVITE", "application/sdp", &offer)?;
        if !answer.starts_with("SIP/2.0 200") {
            call.send("ACK", "", "")?;
            return Err(answer.lines().next().unwrap_or_default().to_owned());
        }
        assert!(!answer.contains("telephone-event"), "{answer}");
        call.to = answer.lines().find_map(|line| line.strip_prefix("To: ")).unwrap().to_owned();
        let audio = answer.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
        let port: u16 = audio.split(' ').next().unwrap().parse().unwrap();
        call.rtp.connect((server.ip(), port)).unwrap();
        call.send("ACK", "", "")?;
        call.rtp.set_read_timeout(Some(PATIENCE)).unwrap();
        Ok((call, answer))
    }

    /// The next packet of the voice.
    pub fn next_rtp(&self) -> Vec<u8> {
        let mut packet = [0; 2048];
        let length = self.rtp.recv(&mut packet).unwrap();
        packet[..length].to_vec()
    }

    /// Presses keys by SIP INFO, as fast as the server takes them.
    pub fn press(&self, keys: &str) -> Result<(), String> {
        for key in keys.chars() {
            self.cseq.set(self.cseq.get() + 1);
            let body = format!("Signal={key}\r\nDuration=100\r\n");
            let answer = self.ask("INFO", "application/dtmf-relay", &body)?;
            if !answer.starts_with("SIP/2.0 200") {
                return Err(answer);
            }
        }
        Ok(())
    }

    /// Ends the call.
    pub fn hang_up(self) {
        self.cseq.set(self.cseq.get() + 1);
        let _ = self.ask("BYE", "", "");
    }

    /// Sends a packet to the voice. Nobody may be listening any more.
    pub fn send_rtp(&self, packet: &[u8]) {
        let _ = self.rtp.send(packet);
    }

    /// The final answer to a request.
    fn ask(&self, method: &str, content_type: &str, body: &str) -> Result<String, String> {
        self.send(method, content_type, body)?;
        let wanted = format!("CSeq: {} {method}", self.cseq.get());
        let mut buffer = [0; 4096];
        loop {
            let length = self.sip.recv(&mut buffer).map_err(|error| format!("{method}: {error}"))?;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1") && text.contains(&wanted) {
                return Ok(text);
            }
        }
    }

    fn send(&self, method: &str, content_type: &str, body: &str) -> Result<(), String> {
        let (own, server, user) = (self.sip.local_addr().unwrap(), self.server, &self.user);
        let (cseq, to, length) = (self.cseq.get(), &self.to, body.len());
        let content = if body.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
        let text = format!(
            "{method} sip:2000@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{server}>;tag=bare\r\nTo: {to}\r\nCall-ID: bare@{own}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:{user}@{own}>\r\n{content}Content-Length: {length}\r\n\r\n{body}"
        );
        self.sip.send(text.as_bytes()).map(drop).map_err(|error| format!("{method}: {error}"))
    }
}
