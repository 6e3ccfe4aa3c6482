//! Sends every message of the table to a server, from real sockets, and says where the answers are not what is due: over UDP
//! and TCP, and over TLS and WebSocket (plain and within TLS) as over those, since what stands between changes nothing of SIP.
//!
//! It knows addresses only, so it asks a bare endpoint and a whole server alike. It reads answers with a reader of its own,
//! since a 400 repeats the very headers that could not be read. After each message comes an OPTIONS of our
//! own: when that is answered, whatever the server had to say at once has been said, and it is alive.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tsunagu::sip::Transport;

use super::table::{Case, Expectation, cases};

/// How long to wait for what must come. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The Call-ID of our own OPTIONS.
const PROBE: &str = "probe.alive";

/// One answer, as far as it matters here.
#[derive(Debug)]
struct Reply {
    status: u16,
    call_id: Option<String>,
}

impl Reply {
    /// The first answer in `octets`, and how many octets it has.
    fn read(octets: &[u8]) -> Option<(Self, usize)> {
        let end = octets.windows(4).position(|octets| octets == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&octets[..end]).into_owned();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length = end + header("Content-Length:").map_or(0, |length| length.parse().unwrap());
        let status = head.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).map_or(0, |s| s.parse().unwrap());
        (octets.len() >= length).then(|| (Self { status, call_id: header("Call-ID:").map(str::to_owned) }, length))
    }
}

/// What came back for one message.
#[derive(Debug, Default)]
struct Replies {
    /// Final answers to the message.
    finals: Vec<Reply>,
    /// Our own OPTIONS was answered.
    alive: bool,
    /// The server closed the connection.
    closed: bool,
}

impl Replies {
    fn take(&mut self, reply: Reply) {
        match reply.call_id.as_deref() {
            Some(PROBE) => self.alive |= reply.status >= 200,
            _ if reply.status >= 200 => self.finals.push(reply),
            _ => {}
        }
    }

    fn is_complete(&self, expectation: Expectation) -> bool {
        match expectation {
            Expectation::Served(_) | Expectation::Refused(_) | Expectation::Either(_) => {
                self.alive && !self.finals.is_empty()
            }
            Expectation::RefusedAndClosed(_) | Expectation::Awaited => self.closed,
            Expectation::Unasked | Expectation::Dropped => self.alive,
        }
    }

    /// What is wrong with them, if anything.
    fn fault(&self, expectation: Expectation, transport: Transport) -> Option<String> {
        if !self.is_complete(expectation) {
            return Some(format!("incomplete: {self:?}"));
        }
        let statuses: Vec<u16> = self.finals.iter().map(|answer| answer.status).collect();
        let is_right = match expectation {
            Expectation::Served(with)
            | Expectation::Refused(with)
            | Expectation::Either(with)
            | Expectation::RefusedAndClosed(with) => statuses.first().is_some_and(|status| with.contains(status)),
            Expectation::Awaited => statuses.is_empty() || statuses == [400],
            Expectation::Unasked | Expectation::Dropped => statuses.is_empty(),
        };
        // What follows the first message in a datagram is nothing.
        let calls: HashSet<_> = self.finals.iter().map(|answer| &answer.call_id).collect();
        let is_one = matches!(transport, Transport::Tcp | Transport::Tls) || calls.len() <= 1;
        (!is_right || !is_one).then(|| format!("answered {statuses:?}, not {expectation:?}"))
    }
}

/// Where a server takes SIP, and who gave it its certificate.
pub struct Places {
    /// Datagrams.
    pub udp: SocketAddr,
    /// Connections.
    pub tcp: SocketAddr,
    /// Connections within TLS.
    pub tls: SocketAddr,
    /// WebSockets.
    pub ws: SocketAddr,
    /// WebSockets within TLS.
    pub wss: SocketAddr,
    /// The client's side of TLS.
    pub client: Arc<ClientConfig>,
}

/// Sends every message over each transport, each from a socket of its own. Gives a line for each message whose answer is not
/// what its section asks.
pub fn faults(places: &Places) -> Vec<String> {
    let mut ports = HashSet::new();
    let mut faults = Vec::new();
    for index in 0..cases(0).len() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        ports.insert(port);
        let case = cases(port).swap_remove(index);
        let replies = over_udp(&socket, places.udp, &case);
        faults.extend(replies.fault(case.over_udp, Transport::Udp).map(|fault| line(&case, Transport::Udp, &fault)));
    }
    let streams = [
        (Transport::Tcp, places.tcp),
        (Transport::Tls, places.tls),
        (Transport::Ws, places.ws),
        (Transport::Wss, places.wss),
    ];
    for (transport, to) in streams {
        for index in 0..cases(0).len() {
            // A port used before would make this the same call once more.
            let stream = std::iter::repeat_with(|| TcpStream::connect(to).unwrap())
                .find(|stream| ports.insert(stream.local_addr().unwrap().port()))
                .unwrap();
            let local = stream.local_addr().unwrap();
            let case = cases(local.port()).swap_remove(index);
            let (replies, expectation) = match transport {
                Transport::Tls => (over_stream(within_tls(stream, places), transport, local, &case), case.over_tcp),
                // Each message has a frame of its own, as it would have a datagram.
                Transport::Ws => (over_ws(stream, transport, local, &case), case.over_udp),
                Transport::Wss => (over_ws(within_tls(stream, places), transport, local, &case), case.over_udp),
                _ => (over_stream(stream, transport, local, &case), case.over_tcp),
            };
            faults.extend(replies.fault(expectation, transport).map(|fault| line(&case, transport, &fault)));
        }
    }
    faults
}

fn line(case: &Case, transport: Transport, fault: &str) -> String {
    format!("{} {} over {transport}: {fault}", case.section, case.name)
}

fn probe(transport: Transport, from: SocketAddr) -> String {
    format!(
        "OPTIONS sip:alive@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {from};branch=z9hG4bKprobe{};rport\r\n\
         From: <sip:probe@127.0.0.1>;tag={}\r\nTo: <sip:alive@127.0.0.1>\r\nCall-ID: {PROBE}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        from.port(),
        from.port(),
    )
}

fn over_udp(socket: &UdpSocket, server: SocketAddr, case: &Case) -> Replies {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&case.octets, server).unwrap();
    socket.send_to(probe(Transport::Udp, socket.local_addr().unwrap()).as_bytes(), server).unwrap();
    let mut replies = Replies::default();
    let mut buffer = [0; 65_536];
    while !replies.is_complete(case.over_udp) {
        let Ok(length) = socket.recv(&mut buffer) else { break };
        if let Some((reply, _)) = Reply::read(&buffer[..length]) {
            replies.take(reply);
        }
    }
    replies
}

/// A stream whose sending end can be closed alone.
trait Stream: Read + Write {
    fn end(&mut self);
    /// It doesn't wait for ever.
    fn patience(&self);
}

impl Stream for TcpStream {
    fn end(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }

    fn patience(&self) {
        self.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn end(&mut self) {
        self.conn.send_close_notify();
        self.flush().unwrap();
    }

    fn patience(&self) {
        self.sock.patience();
    }
}

fn within_tls(stream: TcpStream, places: &Places) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(places.client.clone(), name).unwrap(), stream)
}

fn over_stream(mut stream: impl Stream, transport: Transport, local: SocketAddr, case: &Case) -> Replies {
    stream.patience();
    stream.write_all(&case.octets).unwrap();
    match case.over_tcp {
        // The rest will never come.
        Expectation::Awaited => stream.end(),
        Expectation::RefusedAndClosed(_) => {}
        _ => stream.write_all(probe(transport, local).as_bytes()).unwrap(),
    }
    stream.flush().unwrap();
    let mut replies = Replies::default();
    let mut received = Vec::new();
    let mut buffer = [0; 65_536];
    while !replies.is_complete(case.over_tcp) {
        match stream.read(&mut buffer) {
            Ok(0) => {
                replies.closed = true;
                break;
            }
            Ok(length) => received.extend_from_slice(&buffer[..length]),
            Err(_) => break,
        }
        while let Some((reply, length)) = Reply::read(&received) {
            received.drain(..length);
            replies.take(reply);
        }
    }
    replies
}

fn over_ws(stream: impl Stream, transport: Transport, local: SocketAddr, case: &Case) -> Replies {
    stream.patience();
    let mut request = "ws://localhost/".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    let (mut socket, _) = tungstenite::client(request, stream).unwrap();
    socket.send(Message::binary(case.octets.clone())).unwrap();
    socket.send(Message::text(probe(transport, local))).unwrap();
    let mut replies = Replies::default();
    while !replies.is_complete(case.over_udp) {
        let Ok(message) = socket.read() else { break };
        if let Some((reply, _)) = Reply::read(&message.into_data()) {
            replies.take(reply);
        }
    }
    replies
}
