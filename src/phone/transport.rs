//! The phone's SIP sockets: one UDP port, and TCP on the same number, both ways.
//!
//! Cuts messages from datagrams and streams and hands them on. Must not know what they mean.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;

use super::error::PhoneError;
use super::line::Tasks;
use super::message::{LONGEST_MESSAGE, Message, split_head};
use super::options::SipTransport;

/// Messages waiting to be dealt with; more are dropped, as by a busy phone.
const INBOX: usize = 256;
/// Messages waiting to be written to one connection.
const OUTBOX: usize = 64;
/// Connections open at once.
const MOST_CONNECTIONS: usize = 32;
/// Tries to find one number free for UDP and TCP both.
const PORT_TRIES: usize = 16;

/// A message and how it came.
pub struct Arrived {
    /// The message.
    pub message: Message,
    /// Who sent it.
    pub peer: SocketAddr,
    /// Over what.
    pub transport: SipTransport,
}

/// The sockets.
pub struct Transport {
    udp: UdpSocket,
    local: SocketAddr,
    connections: Mutex<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>,
    inbox: mpsc::Sender<Arrived>,
    tasks: Tasks,
}

impl Transport {
    /// Opens the sockets on `port`, or on any for 0, and begins to listen.
    pub async fn open(
        ip: IpAddr,
        port: u16,
        tasks: &Tasks,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Arrived>), PhoneError> {
        let (udp, listener) = bind(ip, port).await.map_err(PhoneError::Port)?;
        let local = udp.local_addr().map_err(PhoneError::Port)?;
        let (inbox, arrived) = mpsc::channel(INBOX);
        let connections = Mutex::default();
        let transport = Arc::new(Self { udp, local, connections, inbox, tasks: tasks.clone() });
        tasks.spawn(transport.clone().read_datagrams());
        tasks.spawn(transport.clone().accept(listener));
        Ok((transport, arrived))
    }

    /// The address bound, the same for UDP and TCP.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends a whole message.
    pub async fn send(
        self: &Arc<Self>,
        over: SipTransport,
        peer: SocketAddr,
        bytes: Vec<u8>,
    ) -> Result<(), PhoneError> {
        let unreachable = |source| PhoneError::Unreachable { peer, source };
        match over {
            SipTransport::Udp => self.udp.send_to(&bytes, peer).await.map(drop).map_err(unreachable),
            SipTransport::Tcp => {
                let outbox = match self.connection(peer) {
                    Some(outbox) => outbox,
                    None => self.connect(peer).await.map_err(unreachable)?,
                };
                outbox.send(bytes).await.map_err(|_| unreachable(std::io::ErrorKind::BrokenPipe.into()))
            }
        }
    }

    fn connection(&self, peer: SocketAddr) -> Option<mpsc::Sender<Vec<u8>>> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.get(&peer).filter(|outbox| !outbox.is_closed()).cloned()
    }

    async fn connect(self: &Arc<Self>, peer: SocketAddr) -> std::io::Result<mpsc::Sender<Vec<u8>>> {
        let stream = TcpStream::connect(peer).await?;
        Ok(self.keep(stream, peer))
    }

    fn keep(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) -> mpsc::Sender<Vec<u8>> {
        let (outbox, waiting) = mpsc::channel(OUTBOX);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|_, outbox| !outbox.is_closed());
        if connections.len() < MOST_CONNECTIONS {
            connections.insert(peer, outbox.clone());
            self.tasks.spawn(self.clone().serve(stream, peer, waiting));
        }
        outbox
    }

    async fn read_datagrams(self: Arc<Self>) {
        let mut buffer = vec![0; LONGEST_MESSAGE];
        loop {
            // An error here is a former datagram's ICMP; the port itself stays.
            let Ok((length, peer)) = self.udp.recv_from(&mut buffer).await else { continue };
            let datagram = buffer.get(..length).unwrap_or_default();
            self.take(datagram, peer, SipTransport::Udp);
        }
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => drop(self.keep(stream, peer)),
                // Out of descriptors, say: not to be asked again at once.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, mut waiting: mpsc::Receiver<Vec<u8>>) {
        let (mut reader, mut writer) = stream.into_split();
        let mut buffer = Vec::new();
        loop {
            tokio::select! {
                read = reader.read_buf(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {
                        while let Some(length) = first_message(&mut buffer) {
                            let rest = buffer.split_off(length);
                            let message = std::mem::replace(&mut buffer, rest);
                            self.take(&message, peer, SipTransport::Tcp);
                        }
                        if buffer.len() > LONGEST_MESSAGE {
                            return;
                        }
                    }
                },
                bytes = waiting.recv() => match bytes {
                    Some(bytes) if writer.write_all(&bytes).await.is_ok() => {}
                    _ => return,
                },
            }
        }
    }

    fn take(&self, bytes: &[u8], peer: SocketAddr, transport: SipTransport) {
        match Message::parse(bytes) {
            Ok(message) => {
                if self.inbox.try_send(Arrived { message, peer, transport }).is_err() {
                    tracing::warn!(%peer, "the phone is too busy; a SIP message was dropped");
                }
            }
            // Keep-alives (RFC 5626) are no messages and no fault.
            Err(_) if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) => {}
            Err(error) => tracing::debug!(%peer, %error, "passed over"),
        }
    }
}

async fn bind(ip: IpAddr, port: u16) -> std::io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind((ip, port)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(listener) => return Ok((udp, listener)),
            Err(error) if port != 0 || tries >= PORT_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

/// The length of the first message of a stream, once it is whole. Drops the line ends that keep a connection alive.
fn first_message(buffer: &mut Vec<u8>) -> Option<usize> {
    let idle = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    buffer.drain(..idle);
    let (head, body) = split_head(buffer)?;
    let text = String::from_utf8_lossy(head);
    let length = text.split("\r\n").skip(1).filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        let name = name.trim();
        (name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l"))
            .then(|| value.trim().parse().ok())?
    });
    let length: usize = length.unwrap_or(0);
    (body.len() >= length).then_some(head.len() + 4 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_from_a_stream_wherever_it_is_torn() {
        let one = b"\r\n\r\nOPTIONS sip:h SIP/2.0\r\nContent-Length: 3\r\n\r\nabc".to_vec();
        let two = b"SIP/2.0 200 OK\r\nl : 0\r\n\r\n".to_vec();
        let stream = [one.clone(), two.clone()].concat();
        for torn in 0..stream.len() {
            let (mut buffer, mut lengths) = (Vec::new(), Vec::new());
            for part in [&stream[..torn], &stream[torn..]] {
                buffer.extend_from_slice(part);
                while let Some(length) = first_message(&mut buffer) {
                    lengths.push(length);
                    buffer.drain(..length);
                }
            }
            assert_eq!(lengths, [one.len() - 4, two.len()], "torn at {torn}");
        }
    }
}
