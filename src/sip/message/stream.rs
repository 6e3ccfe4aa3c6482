//! Messages out of a stream of octets (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

use bytes::{Buf, Bytes, BytesMut};

use super::Message;
use super::fault::{Fault, Malformed};
use super::parse::{Head, LARGEST, end_of_headers};

/// Something a stream held.
#[derive(Debug)]
pub enum StreamItem {
    /// A message.
    Message(Message),
    /// A message that is not right; the stream goes on after it.
    Malformed(Malformed),
    /// An empty line twice: the peer wants an empty line back.
    KeepAlivePing,
    /// An empty line: the answer to our own.
    KeepAlivePong,
}

/// The stream can't be followed any further: close it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stream cannot be followed after: {0}")]
pub struct StreamError(#[from] Fault);

/// Takes a stream apart. Holds at most one message.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    buffer: BytesMut,
    /// How far the end of the headers has been looked for in vain: always the start of a line.
    searched: usize,
    /// Where the headers end and how long the whole message is, once known.
    known: Option<(usize, usize)>,
    failed: Option<Fault>,
}

impl StreamDecoder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// True when no message has been begun.
    pub fn is_between_messages(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next thing in the stream; `None` until more is read. After an error there is nothing more.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<StreamItem, StreamError>> {
        if let Some(fault) = &self.failed {
            return Some(Err(StreamError(fault.clone())));
        }
        match self.buffer.as_ref() {
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                self.buffer.advance(4);
                return Some(Ok(StreamItem::KeepAlivePing));
            }
            [b'\r'] | [b'\r', b'\n', b'\r'] => return None,
            [b'\r', b'\n', ..] => {
                self.buffer.advance(2);
                return Some(Ok(StreamItem::KeepAlivePong));
            }
            _ => {}
        }
        let (end, whole) = match self.known {
            Some(known) => known,
            None => match self.measure() {
                Ok(Some(known)) => known,
                Ok(None) => return None,
                Err((end, fault)) => return Some(self.fail(end, fault)),
            },
        };
        if self.buffer.len() < whole {
            self.known = Some((end, whole));
            return None;
        }
        let head = Head::read(self.buffer.get(..end).unwrap_or_default());
        self.buffer.advance(end);
        let body: Bytes = self.buffer.split_to(whole - end).freeze();
        (self.searched, self.known) = (0, None);
        Some(Ok(match head.finish(body) {
            Ok(message) => StreamItem::Message(message),
            Err(malformed) => StreamItem::Malformed(malformed),
        }))
    }

    /// Where the headers end and the message ends; nothing until enough is there. An error comes with the end of the headers.
    fn measure(&mut self) -> Result<Option<(usize, usize)>, (usize, Fault)> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(end) = end_of_headers(unsearched).map(|end| end + self.searched) else {
            let last_line = unsearched.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
            self.searched += last_line;
            return if self.buffer.len() > LARGEST { Err((0, Fault::TooLarge)) } else { Ok(None) };
        };
        let head = Head::read(self.buffer.get(..end).unwrap_or_default());
        match head.headers.content_length() {
            Ok(Some(length)) if end.saturating_add(length) <= LARGEST => Ok(Some((end, end + length))),
            Ok(Some(_)) => Err((end, Fault::TooLarge)),
            // Over a stream, nothing else says where the next message starts (section 20.14).
            Ok(None) => Err((end, Fault::Missing("Content-Length"))),
            Err(fault) => Err((end, fault)),
        }
    }

    /// Answers what can be answered first; the error comes next.
    fn fail(&mut self, end: usize, fault: Fault) -> Result<StreamItem, StreamError> {
        let head = Head::read(self.buffer.get(..end).unwrap_or_default());
        self.buffer.clear();
        self.failed = Some(fault.clone());
        let malformed = head.malformed(fault.clone());
        match malformed.answer {
            Some(_) => Ok(StreamItem::Malformed(malformed)),
            None => Err(StreamError(fault)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:40000;branch=z9hG4bKa\r\n\
        From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:b@127.0.0.1>\r\nCall-ID: c1\r\nCSeq: 1 OPTIONS\r\n\
        Max-Forwards: 70\r\nContent-Length: 4\r\n\r\nbody";

    #[test]
    fn messages_arrive_whole_however_they_are_cut() {
        let stream = format!("\r\n\r\n{OPTIONS}\r\n{OPTIONS}");
        for cut in 1..stream.len() {
            let mut decoder = StreamDecoder::new();
            let mut messages = 0;
            for piece in stream.as_bytes().chunks(cut) {
                decoder.push(piece);
                while let Some(item) = decoder.next() {
                    messages += usize::from(matches!(item, Ok(StreamItem::Message(_))));
                }
            }
            assert_eq!(messages, 2, "cut every {cut}");
            assert!(decoder.is_between_messages());
        }
    }

    #[test]
    fn a_stream_that_lost_its_place_is_answered_and_closed() {
        for broken in ["Content-Length: -9", "X-Length: 4", "Content-Length: 4\r\nContent-Length: 5", "l: 99999999"] {
            let mut decoder = StreamDecoder::new();
            decoder.push(OPTIONS.replace("Content-Length: 4", broken).as_bytes());
            assert!(matches!(decoder.next(), Some(Ok(StreamItem::Malformed(_)))), "{broken}");
            assert!(matches!(decoder.next(), Some(Err(_))), "{broken}");
        }
    }
}
