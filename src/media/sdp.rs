//! Session descriptions (RFC 8866): the only place that names the crate `sdp-types`. Reads tolerantly what a negotiation
//! needs and writes what it decided. Must not know the rules of offer and answer.

use std::net::IpAddr;

use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use super::negotiation::SdpError;

/// The largest description read, in octets.
pub const MAX_BODY: usize = 16 * 1024;
/// The most media descriptions in it.
pub const MAX_MEDIA: usize = 16;
/// The most payload formats looked at in a media description.
const MAX_FORMATS: usize = 64;

/// Which way media flows, from the point of view of whoever says it (RFC 3264 section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// It sends and wants nothing: the other side is on hold, usually hearing music.
    SendOnly,
    /// It listens.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The attribute's name.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// What the other side answers (RFC 3264 section 6.1).
    pub fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    /// Whether whoever says this takes media.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The direction of one who does not take media, otherwise the same.
    pub(super) fn without_receiving(self) -> Self {
        match self {
            Self::SendRecv | Self::SendOnly => Self::SendOnly,
            Self::RecvOnly | Self::Inactive => Self::Inactive,
        }
    }

    fn of(attributes: &[Attribute]) -> Option<Self> {
        let named = |a: &Attribute| Self::ALL.into_iter().find(|d| a.attribute.eq_ignore_ascii_case(d.attribute()));
        attributes.iter().find_map(named)
    }
}

/// What `a=rtpmap` says of a payload type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RtpMap {
    pub payload_type: u8,
    pub encoding_name: String,
    pub clock_rate: u32,
    /// One unless said otherwise.
    pub channels: u8,
}

impl RtpMap {
    pub fn mono(payload_type: u8, encoding_name: &str, clock_rate: u32) -> Self {
        Self { payload_type, encoding_name: encoding_name.to_owned(), clock_rate, channels: 1 }
    }

    fn of(attribute: &Attribute) -> Option<Self> {
        if !attribute.attribute.eq_ignore_ascii_case("rtpmap") {
            return None;
        }
        let (payload_type, rest) = attribute.value.as_deref()?.trim().split_once(char::is_whitespace)?;
        let mut parts = rest.trim().split('/');
        Some(Self {
            payload_type: payload_type.parse().ok().filter(|pt| *pt < 128)?,
            encoding_name: parts.next()?.to_owned(),
            clock_rate: parts.next()?.trim().parse().ok()?,
            channels: parts.next().map_or(Some(1), |channels| channels.trim().parse().ok())?,
        })
    }
}

/// One `m=` line and what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MediaDescription {
    pub media: String,
    /// Zero where the stream is refused or ended.
    pub port: u16,
    pub protocol: String,
    /// Payload types in order of preference; what is no number is left out.
    pub payload_types: Vec<u8>,
    /// The format list as it stands, to be repeated when the stream is refused.
    pub formats: String,
    /// The address of its own or of the session, as it stands: usually an IP address.
    pub address: Option<String>,
    pub direction: Direction,
    pub rtpmaps: Vec<RtpMap>,
    /// Milliseconds of audio asked for in a packet.
    pub ptime: Option<u16>,
}

/// A description as far as it matters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Description {
    /// Start and stop time, which an answer repeats (RFC 3264 section 6).
    pub times: (u64, u64),
    pub media: Vec<MediaDescription>,
}

impl Description {
    /// Reads a body. Lines that do not matter are not even looked at, so nothing wrong with them refuses a call.
    pub fn parse(body: &[u8]) -> Result<Self, SdpError> {
        if body.len() > MAX_BODY {
            return Err(SdpError::TooLarge);
        }
        let session = Session::parse(relevant_lines(&String::from_utf8_lossy(body))?.as_bytes())
            .map_err(|e| SdpError::Malformed(e.to_string()))?;
        if session.medias.len() > MAX_MEDIA {
            return Err(SdpError::TooLarge);
        }
        let address = session.connection.map(|c| c.connection_address);
        let direction = Direction::of(&session.attributes).unwrap_or_default();
        Ok(Self {
            times: session.times.first().map_or((0, 0), |t| (t.start_time, t.stop_time)),
            media: session.medias.into_iter().map(|m| MediaDescription::of(m, address.as_ref(), direction)).collect(),
        })
    }
}

impl MediaDescription {
    fn of(media: Media, address: Option<&String>, direction: Direction) -> Self {
        let ptime =
            |a: &Attribute| a.value.as_ref().filter(|_| a.attribute.eq_ignore_ascii_case("ptime"))?.trim().parse().ok();
        let payload_types = media.fmt.split_whitespace().take(MAX_FORMATS).filter_map(|f| f.parse().ok());
        Self {
            payload_types: payload_types.filter(|pt| *pt < 128).collect(),
            address: media.connections.first().map(|c| &c.connection_address).or(address).cloned(),
            direction: Direction::of(&media.attributes).unwrap_or(direction),
            rtpmaps: media.attributes.iter().filter_map(RtpMap::of).take(MAX_FORMATS).collect(),
            ptime: media.attributes.iter().find_map(ptime),
            media: media.media,
            port: media.port,
            protocol: media.proto,
            formats: media.fmt,
        }
    }
}

/// The lines that a negotiation needs, with single spaces, at most one session-level `c=` and one `t=`.
fn relevant_lines(text: &str) -> Result<String, SdpError> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if !lines.next().is_some_and(|first| first.starts_with("v=")) {
        return Err(SdpError::Malformed("it does not begin with v=0".to_owned()));
    }
    let mut kept = String::from("v=0\r\n");
    let (mut in_media, mut has_address, mut has_time) = (false, false, false);
    for line in lines {
        let keep = match line.get(..2) {
            Some("m=") => {
                in_media = true;
                true
            }
            Some("c=") => in_media || !std::mem::replace(&mut has_address, true),
            Some("t=") => !in_media && is_time(line) && !std::mem::replace(&mut has_time, true),
            Some("a=") => true,
            _ => false,
        };
        if keep {
            kept.extend(line.split_whitespace().flat_map(|word| [word, " "]));
            kept.truncate(kept.trim_end().len());
            kept.push_str("\r\n");
        }
    }
    Ok(kept)
}

fn is_time(line: &str) -> bool {
    line.get(2..).is_some_and(|times| {
        times.split_whitespace().all(|t| t.parse::<u64>().is_ok()) && times.split_whitespace().count() == 2
    })
}

/// A media description to write.
pub(super) enum LocalDescription<'a> {
    /// A stream refused: port zero, all else as offered.
    Refused(&'a MediaDescription),
    /// An audio stream.
    Audio { protocol: &'a str, port: u16, payloads: Vec<RtpMap>, direction: Direction },
}

/// Writes a description.
pub(super) fn write(
    session_id: u64,
    version: u64,
    address: IpAddr,
    times: (u64, u64),
    media: &[LocalDescription<'_>],
) -> Result<String, SdpError> {
    let mut session = Session::new(Origin::with_ip_addr(session_id, version, address), "-");
    session.connection = Some(Connection::from_ip_addr(address));
    session.times.push(Time::new(times.0, times.1));
    session.medias = media.iter().map(LocalDescription::to_media).collect();
    let mut body = Vec::new();
    session.write(&mut body).map_err(|e| SdpError::Malformed(e.to_string()))?;
    String::from_utf8(body).map_err(|e| SdpError::Malformed(e.to_string()))
}

impl LocalDescription<'_> {
    fn to_media(&self) -> Media {
        let (media, port, protocol, formats, attributes) = match self {
            Self::Refused(offered) => (&*offered.media, 0, &*offered.protocol, offered.formats.clone(), Vec::new()),
            Self::Audio { protocol, port, payloads, direction } => {
                let formats: Vec<String> = payloads.iter().map(|map| map.payload_type.to_string()).collect();
                ("audio", *port, *protocol, formats.join(" "), audio_attributes(payloads, *direction))
            }
        };
        Media {
            media: media.to_owned(),
            port,
            num_ports: None,
            proto: protocol.to_owned(),
            fmt: formats,
            media_title: None,
            connections: Vec::new(),
            bandwidths: Vec::new(),
            key: None,
            attributes,
        }
    }
}

fn audio_attributes(payloads: &[RtpMap], direction: Direction) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    for map in payloads {
        let value = format!("{} {}/{}", map.payload_type, map.encoding_name, map.clock_rate);
        attributes.push(Attribute::with_value("rtpmap", value));
        if map.encoding_name == super::negotiation::TELEPHONE_EVENT {
            attributes.push(Attribute::with_value("fmtp", format!("{} 0-15", map.payload_type)));
        }
        // No comfort noise frames are sent or understood (RFC 4856 section 2.1.9).
        if map.encoding_name == super::Codec::G729.encoding_name() {
            attributes.push(Attribute::with_value("fmtp", format!("{} annexb=no", map.payload_type)));
        }
    }
    attributes.push(Attribute::with_value("ptime", super::codec::PACKET_MILLIS));
    attributes.push(Attribute::new(direction.attribute()));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_matter_may_be_wrong() {
        let body = b"\r\nv=0\no=John  Doe x IN\ns=\nb=nonsense\nc=IN  IP4 192.0.2.1 \nt=now\nk=?\nm=audio  4000 RTP/AVP 0 xyz 101 \nc=IN IP4 192.0.2.2/127\na=RTPMAP:101  telephone-event/8000\na=ptime: 30\na=rtpmap:bad\na=recvonly\n\xFF";
        let description = Description::parse(body).unwrap();
        let audio = &description.media[0];
        assert_eq!((audio.port, &audio.payload_types[..], audio.ptime), (4000, &[0, 101][..], Some(30)));
        assert_eq!(audio.address.as_deref(), Some("192.0.2.2/127"));
        assert_eq!(audio.rtpmaps, [RtpMap::mono(101, "telephone-event", 8000)]);
        assert_eq!(audio.direction, Direction::RecvOnly);
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for body in
            [&b""[..], b"hello", b"m=audio 1 RTP/AVP 0", b"v=0\r\nm=audio\r\n", b"v=0\r\nm=audio 99999 RTP/AVP 0\r\n"]
        {
            assert!(matches!(Description::parse(body), Err(SdpError::Malformed(_))), "{body:?}");
        }
        assert!(matches!(Description::parse(&vec![b' '; MAX_BODY + 1]), Err(SdpError::TooLarge)));
        let many = format!("v=0\r\n{}", "m=audio 4 RTP/AVP 0\r\n".repeat(MAX_MEDIA + 1));
        assert!(matches!(Description::parse(many.as_bytes()), Err(SdpError::TooLarge)));
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in "(v=0\r\n)?([a-z]=[ -~]{0,40}\r?\n){0,12}") {
            let _ = Description::parse(body.as_bytes());
        }
    }
}
