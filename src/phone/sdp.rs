//! The phone's session descriptions: one audio stream, G.711 and telephone events (RFC 8866, RFC 3264).
//!
//! Pure and by hand: a phone needs a dozen lines of it. Must not know sockets.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::error::PhoneError;
use super::options::Codec;

/// Which way audio may go, from the side that writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaDirection {
    /// Both ways.
    SendRecv,
    /// From the writer only: the other side is on hold.
    SendOnly,
    /// To the writer only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl MediaDirection {
    fn token(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn of(token: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|d| d.token() == token)
    }

    /// What the other side of it answers.
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }
}

/// What this phone says of itself.
#[derive(Clone, Debug)]
pub struct LocalAudio {
    /// Where it receives RTP.
    pub address: SocketAddr,
    /// The session's number, the same through a call.
    pub session: u64,
    /// Grows with each description of a call.
    pub version: u64,
    /// Codecs, the best first.
    pub codecs: Vec<Codec>,
    /// The payload type of telephone events.
    pub events: Option<u8>,
    /// Which way.
    pub direction: MediaDirection,
    /// Media lines of an offer beside the audio, answered as refused: the `m=` line's value and the position it had.
    pub refused: Vec<(usize, String)>,
}

impl LocalAudio {
    /// The description's text.
    pub fn write(&self) -> String {
        let ip = self.address.ip();
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let mut text = format!(
            "v=0\r\no=- {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n",
            self.session, self.version
        );
        let refused = |text: &mut String, (_, line): &(usize, String)| {
            let mut words = line.split(' ');
            let (media, rest) = (words.next().unwrap_or_default(), words.skip(1).collect::<Vec<_>>().join(" "));
            text.push_str(&format!("m={media} 0 {rest}\r\n"));
        };
        // Those that stood before the audio line stay before it.
        let before = self.refused.iter().enumerate().take_while(|(at, (position, _))| at == position).count();
        self.refused.iter().take(before).for_each(|line| refused(&mut text, line));
        self.write_audio(&mut text);
        self.refused.iter().skip(before).for_each(|line| refused(&mut text, line));
        text
    }

    fn write_audio(&self, text: &mut String) {
        let types = self.codecs.iter().map(|codec| codec.payload_type()).chain(self.events);
        let list: String = types.map(|number| format!(" {number}")).collect();
        // Writing to a String cannot fail.
        let _ = write!(text, "m=audio {} RTP/AVP{list}\r\n", self.address.port());
        for codec in &self.codecs {
            let _ = write!(text, "a=rtpmap:{} {}/8000\r\n", codec.payload_type(), codec.name());
        }
        if let Some(events) = self.events {
            let _ = write!(text, "a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n");
        }
        let _ = write!(text, "a=ptime:20\r\na={}\r\n", self.direction.token());
    }
}

/// What the other side said of its audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAudio {
    /// Where it receives RTP.
    pub address: SocketAddr,
    /// The codecs the phone has too, in its order.
    pub codecs: Vec<Codec>,
    /// Its payload type for telephone events.
    pub events: Option<u8>,
    /// Which way, as it wrote it; `c=0.0.0.0` (RFC 2543's hold) counts as not receiving.
    pub direction: MediaDirection,
    /// Its other media lines, with their positions.
    pub others: Vec<(usize, String)>,
}

impl RemoteAudio {
    /// Reads a description; an error where there is no audio line with a codec the phone has.
    pub fn parse(body: &[u8]) -> Result<Self, PhoneError> {
        let text = String::from_utf8_lossy(body);
        let mut audio: Option<Audio> = None;
        let (mut others, mut lines, mut in_audio) = (Vec::new(), 0, false);
        let (mut session_ip, mut session_direction) = (None, MediaDirection::SendRecv);
        for line in text.lines().map(str::trim_end).take(1000) {
            let Some((kind, value)) = line.split_once('=') else { continue };
            match kind {
                "m" => {
                    in_audio = audio.is_none() && value.starts_with("audio ");
                    match in_audio.then(|| Audio::of(value)).flatten() {
                        Some(found) => audio = Some(found),
                        None => others.push((lines, value.to_owned())),
                    }
                    lines += 1;
                }
                "c" if lines == 0 => session_ip = connection_ip(value),
                "a" if lines == 0 => session_direction = MediaDirection::of(value).unwrap_or(session_direction),
                "c" | "a" if in_audio => {
                    if let Some(audio) = &mut audio {
                        audio.take(kind, value);
                    }
                }
                _ => {}
            }
        }
        let audio = audio.ok_or(PhoneError::NoCommonAudio)?;
        let ip = audio.ip.or(session_ip).ok_or(PhoneError::NoCommonAudio)?;
        let codecs = audio.codecs();
        if codecs.is_empty() || audio.port == 0 {
            return Err(PhoneError::NoCommonAudio);
        }
        let mut direction = audio.direction.unwrap_or(session_direction);
        if ip.is_unspecified() && direction == MediaDirection::SendRecv {
            direction = MediaDirection::SendOnly;
        }
        let address = SocketAddr::new(ip, audio.port);
        Ok(Self { address, codecs, events: audio.events, direction, others })
    }
}

#[derive(Default)]
struct Audio {
    port: u16,
    formats: Vec<u8>,
    names: Vec<(u8, String)>,
    events: Option<u8>,
    ip: Option<IpAddr>,
    direction: Option<MediaDirection>,
}

impl Audio {
    fn of(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let port = words.nth(1)?.split('/').next()?.parse().ok()?;
        if words.next()? != "RTP/AVP" {
            return None;
        }
        Some(Self {
            port,
            formats: words.filter_map(|number| number.parse().ok()).take(64).collect(),
            ..Self::default()
        })
    }

    fn take(&mut self, kind: &str, value: &str) {
        if kind == "c" {
            self.ip = connection_ip(value);
        } else if let Some((number, name)) = value.strip_prefix("rtpmap:").and_then(|rest| rest.split_once(' ')) {
            let Ok(number) = number.parse() else { return };
            let name = name.trim().to_ascii_lowercase();
            if name.starts_with("telephone-event/8000") && self.formats.contains(&number) {
                self.events = Some(number);
            }
            self.names.push((number, name));
        } else if let Some(direction) = MediaDirection::of(value) {
            self.direction = Some(direction);
        }
    }

    /// G.711 goes by its static payload types, unless they were mapped to something else.
    fn codecs(&self) -> Vec<Codec> {
        let named = |codec: Codec| {
            let of = |(number, _): &&(u8, String)| *number == codec.payload_type();
            self.names.iter().find(of).is_none_or(|(_, name)| name.starts_with(&codec.name().to_ascii_lowercase()))
        };
        let known = |number: &u8| [Codec::Pcmu, Codec::Pcma].into_iter().find(|codec| codec.payload_type() == *number);
        self.formats.iter().filter_map(known).filter(|codec| named(*codec)).collect()
    }
}

fn connection_ip(value: &str) -> Option<IpAddr> {
    value.split_ascii_whitespace().nth(2)?.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> LocalAudio {
        LocalAudio {
            address: "127.0.0.1:40000".parse().unwrap(),
            session: 7,
            version: 1,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            events: Some(101),
            direction: MediaDirection::SendRecv,
            refused: Vec::new(),
        }
    }

    #[test]
    fn the_phone_reads_what_it_writes() {
        let read = RemoteAudio::parse(local().write().as_bytes()).unwrap();
        assert_eq!(read.address, local().address);
        assert_eq!(read.codecs, local().codecs);
        assert_eq!((read.events, read.direction), (Some(101), MediaDirection::SendRecv));
    }

    #[test]
    fn an_answer_names_codec_events_and_direction() {
        let answer = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=sendonly\r\n\
            m=audio 30000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\nc=IN IP6 ::1\r\n";
        let read = RemoteAudio::parse(answer).unwrap();
        assert_eq!(read.address, "[::1]:30000".parse().unwrap());
        assert_eq!(read.codecs, [Codec::Pcma]);
        assert_eq!((read.events, read.direction), (Some(96), MediaDirection::SendOnly));
    }

    #[test]
    fn no_common_codec_or_a_refused_stream_is_no_audio() {
        for media in
            ["m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 9", "m=video 4000 RTP/AVP 31", "m=audio 4000 RTP/SAVP 0"]
        {
            let body = format!("v=0\r\nc=IN IP4 10.0.0.1\r\n{media}\r\n");
            assert!(RemoteAudio::parse(body.as_bytes()).is_err(), "{media}");
        }
    }

    #[test]
    fn other_media_lines_are_refused_in_their_places() {
        let offer = b"v=0\r\nc=IN IP4 10.0.0.1\r\nm=video 4002 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 0\r\nm=text 4004 RTP/AVP 98 99\r\n";
        let read = RemoteAudio::parse(offer).unwrap();
        let answer = LocalAudio { refused: read.others, ..local() }.write();
        let media: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(media, ["m=video 0 RTP/AVP 31", "m=audio 40000 RTP/AVP 0 8 101", "m=text 0 RTP/AVP 98 99"]);
    }
}
