//! HTTP byte by byte, for requests that no well-behaved client sends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The status; 0 where the connection was closed without one.
    pub status: u16,
    /// Status line, headers and body as they came, without the Date.
    pub but_date: String,
}

/// Sends a request's first line with what any request needs, and reads all that comes until the end.
pub fn ask(door: SocketAddr, request_line: &str, user_agent: &str) -> Raw {
    let mut stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!(
        "{request_line} HTTP/1.1\r\nHost: {door}\r\nUser-Agent: {user_agent}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let is_date = |line: &&str| line.to_ascii_lowercase().starts_with("date:");
    Raw { status, but_date: answer.split_inclusive("\r\n").filter(|line| !is_date(line)).collect() }
}
