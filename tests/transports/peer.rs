//! Servers of others, to which the program sends requests: each answers every request alike and remembers what came.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::authority::{Authority, Issued};
use crate::registrant::header;

/// A server of somebody else's.
#[derive(Clone)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    connections: usize,
    certificates: usize,
}

impl Peer {
    /// By datagrams, on a port of its own or this one. Without an answer it says nothing.
    pub fn udp(port: u16, answer: Option<&'static str>) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
        let peer = Self { address: socket.local_addr().unwrap(), seen: Arc::default() };
        let seen = peer.seen.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let reply = answer.map(|answer| answered(&request, answer));
                seen.lock().unwrap().requests.push(request);
                if let Some(reply) = reply {
                    socket.send_to(reply.as_bytes(), from).unwrap();
                }
            }
        });
        peer
    }

    /// By TCP.
    pub fn tcp(answer: &'static str) -> Self {
        Self::tcp_at("127.0.0.1", answer)
    }

    /// The same at another address.
    pub fn tcp_at(ip: &str, answer: &'static str) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        Self::listen(listener, move |stream, seen| converse(stream, seen, answer))
    }

    /// Within TLS, by this certificate; it asks for one of the authority's and takes who has none.
    pub fn tls(own: &Issued, authority: &Authority) -> Self {
        let (chain, key) = own.identity();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.root()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), move |stream, seen| {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            while stream.conn.is_handshaking() {
                if stream.conn.complete_io(&mut stream.sock).is_err() {
                    return;
                }
            }
            seen.lock().unwrap().certificates += usize::from(stream.conn.peer_certificates().is_some());
            converse(stream, seen, "200 OK");
        })
    }

    fn listen(listener: TcpListener, serve: impl Fn(TcpStream, &Mutex<Seen>) + Send + Sync + 'static) -> Self {
        let peer = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (seen, serve) = (peer.seen.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, seen, serve) = (stream.unwrap(), seen.clone(), serve.clone());
                seen.lock().unwrap().connections += 1;
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        peer
    }

    /// What came.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// Connections that were opened to it.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Good certificates it was shown.
    pub fn certificates(&self) -> usize {
        self.seen.lock().unwrap().certificates
    }
}

fn converse(mut stream: impl Read + Write, seen: &Mutex<Seen>, answer: &str) {
    let (mut received, mut buffer) = (Vec::new(), [0; 8192]);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        received.extend(&buffer[..length]);
        let text = String::from_utf8_lossy(&received).into_owned();
        let Some(head) = text.find("\r\n\r\n").map(|end| end + 4) else { continue };
        let body = header(&text[..head], "Content-Length").map_or(0, |length| length.parse().unwrap());
        if received.len() < head + body {
            continue;
        }
        received.drain(..head + body);
        let request = text[..head + body].to_owned();
        let reply = answered(&request, answer);
        seen.lock().unwrap().requests.push(request);
        let _ = stream.write_all(reply.as_bytes());
        let _ = stream.flush();
    }
}

fn answered(request: &str, answer: &str) -> String {
    let kept = ["Via", "From", "To", "Call-ID", "CSeq"]
        .map(|name| format!("{name}: {}\r\n", header(request, name).unwrap_or_else(|| panic!("{name}: {request}"))));
    let more = if answer.starts_with("503") { "Retry-After: 120\r\n" } else { "" };
    format!("SIP/2.0 {answer}\r\n{}{more}Content-Length: 0\r\n\r\n", kept.concat())
}
