//! A program that follows the server's events: server-sent events read line by line, as they come.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an item may take to come.
const PATIENCE: Duration = Duration::from_secs(40);

/// One item of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its `id`.
    pub id: i64,
    /// Its `event`.
    pub kind: String,
    /// Its `data`.
    pub data: Value,
}

/// A stream being followed.
#[derive(Debug)]
pub struct Follower {
    lines: BufReader<TcpStream>,
}

impl Follower {
    /// Follows `/api/v1/events` with this query, behind this event if one is given. `Err` is the refusal.
    pub fn follow(admin: SocketAddr, token: &str, query: &str, behind: Option<&str>) -> Result<Self, String> {
        let mut stream = TcpStream::connect(admin).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let behind = behind.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        // In HTTP/1.0 a body is what comes until the end.
        let request = format!(
            "GET /api/v1/events{query} HTTP/1.0\r\nHost: {admin}\r\nAuthorization: Bearer {token}\r\n\
             Accept: text/event-stream\r\n{behind}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut follower = Self { lines: BufReader::new(stream) };
        let status = follower.line().unwrap_or_default();
        let mut head = status.clone();
        while let Some(line) = follower.line().filter(|line| !line.is_empty()) {
            head = format!("{head}\n{line}");
        }
        match status.contains(" 200 ") {
            true => {
                assert!(head.to_ascii_lowercase().contains("content-type: text/event-stream"), "{head}");
                Ok(follower)
            }
            false => {
                let mut body = String::new();
                let _ = follower.lines.read_to_string(&mut body);
                Err(format!("{head}\n{body}"))
            }
        }
    }

    /// The next item; none when the stream has ended.
    pub fn next(&mut self) -> Option<Item> {
        let (mut id, mut kind, mut data) = (None, None, None);
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", value)) => id = value.parse().ok(),
                Some(("event", value)) => kind = Some(value.to_owned()),
                Some(("data", value)) => data = serde_json::from_str(value).ok(),
                _ if line.is_empty() => {
                    // Without data it was a sign of life.
                    if let (Some(id), Some(kind), Some(data)) = (id.take(), kind.take(), data.take()) {
                        return Some(Item { id, kind, data });
                    }
                }
                _ => {}
            }
        }
    }

    /// So many items, which must come.
    pub fn take(&mut self, count: usize) -> Vec<Item> {
        (0..count).map(|_| self.next().expect("one more item")).collect()
    }

    /// Items up to and with the first for which this holds, which must come.
    pub fn until(&mut self, is_last: impl Fn(&Item) -> bool) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            items.push(self.next().unwrap_or_else(|| panic!("the stream ended after {items:#?}")));
            if items.last().is_some_and(&is_last) {
                return items;
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}
