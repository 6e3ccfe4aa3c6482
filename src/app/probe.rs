//! Whether something answers where it should, seen from outside: one request over a real socket. It must not know the rooms.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Requests sent over UDP, which may lose them.
const TRIES: usize = 3;

/// How SIP travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

/// Where a program of this machine is reached that listens on `address`.
pub fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether GET of `path` is answered, by any status; gives the status.
pub async fn http(address: SocketAddr, path: &str) -> std::io::Result<u16> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        let status = std::str::from_utf8(&answer).ok().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.parse().ok());
        status.ok_or_else(|| std::io::Error::other("what answers there does not speak HTTP"))
    };
    timeout(PATIENCE, asked).await.map_err(|_| silence())?
}

/// Whether OPTIONS (RFC 3261 section 11) is answered.
pub async fn sip(address: SocketAddr, over: Over) -> std::io::Result<()> {
    let asked = async {
        match over {
            Over::Udp => sip_over_udp(address, &format!("z9hG4bK{:016x}", rand::random::<u64>())).await,
            Over::Tcp => sip_on(TcpStream::connect(address).await?, address, "TCP").await,
        }
    };
    in_time(asked).await
}

/// Waits as long as an answer may take.
pub async fn in_time<T>(asked: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    timeout(PATIENCE, asked).await.map_err(|_| silence())?
}

/// Whether OPTIONS is answered over a connection that is up.
pub async fn sip_on(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    transport: &str,
) -> std::io::Result<()> {
    let mark = format!("z9hG4bK{:016x}", rand::random::<u64>());
    // What is answered comes over the connection, whatever the Via says.
    let from = SocketAddr::new(address.ip(), 9);
    stream.write_all(options(address, from, transport, &mark).as_bytes()).await?;
    stream.flush().await?;
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await?;
    is_answer(answer.get(..read).unwrap_or_default(), &mark)
}

/// Whether a connection that is up is taken for a WebSocket that carries SIP (RFC 7118 section 4).
pub async fn web_socket(mut stream: impl AsyncRead + AsyncWrite + Unpin, address: SocketAddr) -> std::io::Result<()> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: sip\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    match &answer == b"HTTP/1.1 101" {
        true => Ok(()),
        false => Err(std::io::Error::other("what answers there takes no WebSocket that carries SIP")),
    }
}

async fn sip_over_udp(address: SocketAddr, mark: &str) -> std::io::Result<()> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(address).await?;
    let request = options(address, socket.local_addr()?, "UDP", mark);
    let mut answer = vec![0; 4096];
    for _ in 0..TRIES {
        socket.send(request.as_bytes()).await?;
        let heard = timeout(PATIENCE / (TRIES as u32 + 1), socket.recv(&mut answer)).await;
        if let Ok(read) = heard {
            return is_answer(answer.get(..read?).unwrap_or_default(), mark);
        }
    }
    Err(silence())
}

fn options(to: SocketAddr, from: SocketAddr, transport: &str, mark: &str) -> String {
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {from};branch={mark};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:probe@{from}>;tag={mark}\r\n\
         To: <sip:{to}>\r\n\
         Call-ID: {mark}@probe\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn is_answer(octets: &[u8], mark: &str) -> std::io::Result<()> {
    let text = String::from_utf8_lossy(octets);
    match text.starts_with("SIP/2.0 ") && text.contains(mark) {
        true => Ok(()),
        false => Err(std::io::Error::other("what answers there does not speak SIP")),
    }
}

fn silence() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_says_nothing_or_something_else_is_not_taken_for_an_answer() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            let mut request = [0; 2048];
            let (read, peer) = socket.recv_from(&mut request).await.unwrap();
            socket.send_to(b"HTTP/1.1 200 OK\r\n\r\n", peer).await.unwrap();
            let first = String::from_utf8_lossy(&request[..read]).into_owned();
            let (read, peer) = socket.recv_from(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let answer = text.replace(text.lines().next().unwrap(), "SIP/2.0 200 OK");
            socket.send_to(answer.as_bytes(), peer).await.unwrap();
            first
        });
        assert!(sip(address, Over::Udp).await.is_err());
        sip(address, Over::Udp).await.unwrap();
        assert!(answering.await.unwrap().starts_with("OPTIONS sip:127.0.0.1:"));
        assert!(sip(address, Over::Udp).await.is_err(), "nobody listens there any more");
    }
}
