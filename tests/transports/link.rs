//! A way to the server that carries SIP messages: datagrams, a stream, or a WebSocket, plain or within TLS. What comes back is
//! read by the tests' own few lines.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::authority::{Authority, Issued};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of octets, whatever is under it.
pub trait Octets: Read + Write + Send {}

impl<T: Read + Write + Send> Octets for T {}

enum Kind {
    Datagrams(UdpSocket),
    Stream { stream: Box<dyn Octets>, received: Vec<u8> },
    Socket(Box<WebSocket<Box<dyn Octets>>>),
}

/// A way to the server.
pub struct Link {
    kind: Kind,
    /// What its Via says of the transport.
    pub transport: &'static str,
    /// Its own end.
    pub local: SocketAddr,
}

/// The usual address of loopback, of the family of `to`.
fn here(to: SocketAddr) -> IpAddr {
    if to.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

/// A TCP connection from an address of loopback.
pub fn connect(from: IpAddr, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The client's side of TLS.
pub fn secure(
    stream: TcpStream,
    authority: &Authority,
    own: Option<&Issued>,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(authority.client_showing(own), name).unwrap(), stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

impl Link {
    /// Datagrams.
    pub fn udp(to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((here(to), 0)).unwrap();
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let local = socket.local_addr().unwrap();
        Self { kind: Kind::Datagrams(socket), transport: "UDP", local }
    }

    /// A TCP connection.
    pub fn tcp(to: SocketAddr) -> Self {
        Self::tcp_from(here(to), to)
    }

    /// A TCP connection from another address of loopback.
    pub fn tcp_from(from: IpAddr, to: SocketAddr) -> Self {
        let stream = connect(from, to);
        let local = stream.local_addr().unwrap();
        Self { kind: Kind::Stream { stream: Box::new(stream), received: Vec::new() }, transport: "TCP", local }
    }

    /// A connection within TLS.
    pub fn tls(to: SocketAddr, authority: &Authority, own: Option<&Issued>) -> std::io::Result<Self> {
        let stream = connect(here(to), to);
        let local = stream.local_addr().unwrap();
        let stream = Box::new(secure(stream, authority, own)?);
        Ok(Self { kind: Kind::Stream { stream, received: Vec::new() }, transport: "TLS", local })
    }

    /// A WebSocket, of a page if it has an origin.
    pub fn ws(to: SocketAddr, protocol: Option<&str>, origin: Option<&str>) -> Result<Self, String> {
        let stream = connect(here(to), to);
        let local = stream.local_addr().unwrap();
        let socket = upgrade(&format!("ws://{to}/"), Box::new(stream), protocol, origin)?;
        Ok(Self { kind: Kind::Socket(Box::new(socket)), transport: "WS", local })
    }

    /// A WebSocket within TLS.
    pub fn wss(to: SocketAddr, authority: &Authority) -> Self {
        let stream = connect(here(to), to);
        let local = stream.local_addr().unwrap();
        let stream = Box::new(secure(stream, authority, None).unwrap());
        let socket = upgrade(&format!("wss://{to}/"), stream, Some("sip"), None).unwrap();
        Self { kind: Kind::Socket(Box::new(socket)), transport: "WSS", local }
    }

    /// Sends what is one message, or a keep-alive.
    pub fn send(&mut self, text: &str) {
        match &mut self.kind {
            Kind::Datagrams(socket) => assert_eq!(socket.send(text.as_bytes()).unwrap(), text.len()),
            Kind::Stream { stream, .. } => {
                stream.write_all(text.as_bytes()).unwrap();
                stream.flush().unwrap();
            }
            Kind::Socket(socket) => socket.send(Message::text(text)).unwrap(),
        }
    }

    /// The next message or keep-alive; none once the server has closed.
    pub fn receive(&mut self) -> Option<String> {
        self.hears().unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// The same, or that nothing came.
    pub fn hears(&mut self) -> Result<Option<String>, Error> {
        match &mut self.kind {
            Kind::Datagrams(socket) => {
                let mut buffer = [0; 65_536];
                let length = socket.recv(&mut buffer)?;
                Ok(Some(String::from_utf8_lossy(&buffer[..length]).into_owned()))
            }
            Kind::Stream { stream, received } => loop {
                if let Some(length) = whole(received) {
                    return Ok(Some(String::from_utf8(received.drain(..length).collect()).unwrap()));
                }
                let mut buffer = [0; 8192];
                match stream.read(&mut buffer) {
                    Ok(0) => return Ok(None),
                    Ok(length) => received.extend(&buffer[..length]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                    Err(_) => return Ok(None),
                }
            },
            Kind::Socket(socket) => loop {
                match socket.read() {
                    Ok(Message::Text(text)) => return Ok(Some(text.to_string())),
                    Ok(Message::Binary(octets)) => return Ok(Some(String::from_utf8(octets.to_vec()).unwrap())),
                    Ok(Message::Close(_)) => return Ok(None),
                    Ok(_) => {}
                    Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                    Err(_) => return Ok(None),
                }
            },
        }
    }
}

impl Link {
    /// True if nothing comes for so long. For datagrams.
    #[allow(dead_code, reason = "each test binary uses its own part of it")]
    pub fn is_silent(&self, long: Duration) -> bool {
        let Kind::Datagrams(socket) = &self.kind else { panic!("not of {}", self.transport) };
        socket.set_read_timeout(Some(long)).unwrap();
        let heard = socket.recv(&mut [0; 1]);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        heard.is_err()
    }
}

/// How long the first message is, once it is whole.
fn whole(received: &[u8]) -> Option<usize> {
    if received.starts_with(b"\r\n") {
        return Some(2);
    }
    let end = received.windows(4).position(|octets| octets == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..end]);
    let length =
        head.lines().find_map(|line| line.strip_prefix("Content-Length:")).map_or(0, |it| it.trim().parse().unwrap());
    (received.len() >= end + length).then_some(end + length)
}

fn upgrade(
    url: &str,
    stream: Box<dyn Octets>,
    protocol: Option<&str>,
    origin: Option<&str>,
) -> Result<WebSocket<Box<dyn Octets>>, String> {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in [("Sec-WebSocket-Protocol", protocol), ("Origin", origin)] {
        if let Some(value) = value {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
    }
    tungstenite::client(request, stream).map(|(socket, _)| socket).map_err(|error| error.to_string())
}
