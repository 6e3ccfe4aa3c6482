//! Offer and answer (RFC 3264) for one audio stream. Pure; must not know SIP, sockets, or how a description is written.

use std::net::{IpAddr, SocketAddr};

use super::codec::{Codec, PACKET_MILLIS};
pub use super::sdp::Direction;
use super::sdp::{self, Description, LocalDescription, MediaDescription, RtpMap};

/// The encoding name of RFC 4733 events.
pub(super) const TELEPHONE_EVENT: &str = "telephone-event";
/// Payload type we offer for L16, which has none of its own at 16 kHz.
const OFFERED_L16: u8 = 118;
/// Payload types we offer for telephone-events at a clock of 8000, and at any other.
const OFFERED_EVENTS: (u8, u8) = (101, 102);
/// Payload types that mean what a description says (RFC 3551 section 3).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// Why a body cannot be agreed on. [`Malformed`](Self::Malformed) and [`TooLarge`](Self::TooLarge) are the sender's mistake
/// (SIP 400); all others are an offer that is well made and not acceptable here (SIP 488).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// The body is larger than any a phone sends.
    #[error("the session description is too large")]
    TooLarge,
    /// The body is no session description.
    #[error("the session description cannot be read: {0}")]
    Malformed(String),
    /// There is no audio stream, or it was refused.
    #[error("no audio stream was offered")]
    NoAudio,
    /// Audio was offered under another profile only, such as RTP/SAVP.
    #[error("audio was offered as {0} only; RTP/AVP is needed")]
    Profile(String),
    /// No codec is known to both sides.
    #[error("no codec in common")]
    NoCommonCodec,
    /// The connection address is missing, a name, a multicast group, or of another family than ours.
    #[error("media cannot be sent to the connection address")]
    Address,
}

/// Whose order of codecs decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CodecOrder {
    /// The first of our codecs that they offer.
    #[default]
    Ours,
    /// The first they offer that we have.
    Theirs,
}

/// Our side of a session.
#[derive(Clone, Debug)]
pub struct LocalMedia {
    /// Where we take RTP.
    pub addr: SocketAddr,
    /// Our codecs, in order of preference.
    pub codecs: Vec<Codec>,
    /// Whose order decides in an answer.
    pub order: CodecOrder,
    /// The session's number, the same for the life of a dialog.
    pub session_id: u64,
    /// The version of the first description sent.
    pub version: u64,
    /// The description last sent in this dialog. A new one takes its version, plus one if anything else differs
    /// (RFC 3264 section 8).
    pub previous: Option<String>,
}

/// What two descriptions agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The codec of both directions.
    pub codec: Codec,
    /// The payload type to send it as, 0 to 127.
    pub payload_type: u8,
    /// Where to send it. The address is unspecified (0.0.0.0) in the old way of holding, and nothing may then be sent.
    pub remote: SocketAddr,
    /// The payload type their telephone-events come as; `None` if there are none and digits must be heard in the audio.
    pub event_payload_type: Option<u8>,
    /// Which way they let media flow, from their side.
    pub direction: Direction,
    /// Milliseconds in a packet they asked for, else 20. We send 20 whatever it is, as RFC 3264 lets us.
    pub ptime: u16,
}

impl Negotiated {
    /// Whether they take no media from us: hold, by direction or by address.
    pub fn on_hold(&self) -> bool {
        !self.direction.receives()
    }
}

/// An answer and what it agrees to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The body to send.
    pub body: String,
    /// What was agreed.
    pub negotiated: Negotiated,
}

/// Answers an offer: takes the first audio stream that can be taken, and refuses every other media line in its place.
pub fn answer(offer: &[u8], local: &LocalMedia) -> Result<Answer, SdpError> {
    let offer = Description::parse(offer)?;
    let mut refusal = SdpError::NoAudio;
    let mut chosen = None;
    for (index, media) in offer.media.iter().enumerate() {
        match choose(media, local) {
            Ok(choice) => {
                chosen = Some((index, choice));
                break;
            }
            // A reason that came of real audio says more than that there is none.
            Err(SdpError::NoAudio) => (),
            Err(reason) => refusal = reason,
        }
    }
    let (index, (negotiated, payloads)) = chosen.ok_or(refusal)?;
    let direction = negotiated.direction.reversed();
    let mut payloads = Some(payloads);
    let media: Vec<LocalDescription<'_>> = offer
        .media
        .iter()
        .enumerate()
        .map(|(at, media)| match payloads.take_if(|_| at == index) {
            Some(payloads) => {
                LocalDescription::Audio { protocol: &media.protocol, port: local.addr.port(), payloads, direction }
            }
            None => LocalDescription::Refused(media),
        })
        .collect();
    Ok(Answer { body: describe(local, offer.times, &media)?, negotiated })
}

/// Our offer: one audio stream with every codec of ours and telephone-events at their clocks.
pub fn make_offer(local: &LocalMedia) -> Result<String, SdpError> {
    let (protocol, port, direction) = ("RTP/AVP", local.addr.port(), Direction::SendRecv);
    let payloads = payloads(&local.codecs, &[]);
    describe(local, (0, 0), &[LocalDescription::Audio { protocol, port, payloads, direction }])
}

/// An offer in the middle of a session: every codec of ours, the one in use first. Media lines keep their places, and what is in
/// use its payload types (RFC 3264 sections 8 and 8.3.2).
pub fn renew_offer(local: &LocalMedia, in_use: &Negotiated) -> Result<String, SdpError> {
    let Some(previous) = &local.previous else { return make_offer(local) };
    let previous = Description::parse(previous.as_bytes())?;
    let others = local.codecs.iter().copied().filter(|codec| *codec != in_use.codec);
    let codecs: Vec<Codec> = std::iter::once(in_use.codec).chain(others).collect();
    let payloads = payloads(&codecs, &agreed_payloads(in_use));
    let (port, direction) = (local.addr.port(), Direction::SendRecv);
    let media: Vec<LocalDescription<'_>> = previous
        .media
        .iter()
        .map(|media| match is_live_audio(media) {
            true => LocalDescription::Audio { protocol: &media.protocol, port, payloads: payloads.clone(), direction },
            false => LocalDescription::Refused(media),
        })
        .collect();
    describe(local, previous.times, &media)
}

/// Reads their answer to an offer of ours.
pub fn accept_answer(offer: &[u8], answer: &[u8]) -> Result<Negotiated, SdpError> {
    let (offer, answer) = (Description::parse(offer)?, Description::parse(answer)?);
    let index = offer.media.iter().position(is_live_audio).ok_or(SdpError::NoAudio)?;
    let (ours, theirs) = offer.media.get(index).zip(answer.media.get(index)).ok_or(SdpError::NoAudio)?;
    if !is_live_audio(theirs) {
        return Err(SdpError::NoAudio);
    }
    let offered = codecs_of(ours);
    let (payload_type, codec) = codecs_of(theirs)
        .into_iter()
        .find(|(_, codec)| offered.iter().any(|(_, ours)| ours == codec))
        .ok_or(SdpError::NoCommonCodec)?;
    // They send events as the type we offered, not as one they may have written instead.
    let event_payload_type = event_payload_type(theirs, codec).and_then(|_| event_payload_type(ours, codec));
    let (remote, direction) = reach(theirs)?;
    Ok(Negotiated { codec, payload_type, remote, event_payload_type, direction, ptime: ptime(theirs) })
}

/// What can be agreed on for one offered media line, and the payloads to answer it with.
fn choose(media: &MediaDescription, local: &LocalMedia) -> Result<(Negotiated, Vec<RtpMap>), SdpError> {
    if !is_live_audio(media) {
        return Err(SdpError::NoAudio);
    }
    if !["RTP/AVP", "RTP/AVPF"].iter().any(|known| media.protocol.eq_ignore_ascii_case(known)) {
        return Err(SdpError::Profile(media.protocol.clone()));
    }
    let theirs = codecs_of(media);
    let common = match local.order {
        CodecOrder::Ours => local.codecs.iter().find_map(|ours| theirs.iter().find(|(_, codec)| codec == ours)),
        CodecOrder::Theirs => theirs.iter().find(|(_, codec)| local.codecs.contains(codec)),
    };
    let (payload_type, codec) = *common.ok_or(SdpError::NoCommonCodec)?;
    let (remote, direction) = reach(media)?;
    if remote.is_ipv4() != local.addr.is_ipv4() && !remote.ip().is_unspecified() {
        return Err(SdpError::Address);
    }
    let event_payload_type = event_payload_type(media, codec);
    let negotiated = Negotiated { codec, payload_type, remote, event_payload_type, direction, ptime: ptime(media) };
    let payloads = agreed_payloads(&negotiated);
    Ok((negotiated, payloads))
}

fn is_live_audio(media: &MediaDescription) -> bool {
    media.media.eq_ignore_ascii_case("audio") && media.port != 0
}

/// The payload types of a media line that are codecs we know, in its order.
fn codecs_of(media: &MediaDescription) -> Vec<(u8, Codec)> {
    let codec_of = |payload_type: &u8| {
        let codec = match media.rtpmaps.iter().find(|map| map.payload_type == *payload_type) {
            Some(map) => Codec::from_encoding_name(&map.encoding_name).filter(|codec| fits(map, *codec)),
            None => Codec::ALL.into_iter().find(|codec| codec.static_payload_type() == Some(*payload_type)),
        };
        codec.map(|codec| (*payload_type, codec))
    };
    media.payload_types.iter().filter_map(codec_of).collect()
}

fn fits(map: &RtpMap, codec: Codec) -> bool {
    // Some write the sample rate of G.722 where its clock rate belongs (RFC 3551 section 4.5.2 explains the mistake).
    let clock = map.clock_rate == codec.clock_rate() || (codec == Codec::G722 && map.clock_rate == codec.sample_rate());
    clock && map.channels == 1
}

/// The telephone-events of a media line at the codec's clock (RFC 4733 section 2.5.1.1 wants them equal).
fn event_payload_type(media: &MediaDescription, codec: Codec) -> Option<u8> {
    let is_event = |map: &&RtpMap| {
        map.encoding_name.eq_ignore_ascii_case(TELEPHONE_EVENT)
            && map.clock_rate == codec.clock_rate()
            && media.payload_types.contains(&map.payload_type)
    };
    media.rtpmaps.iter().find(is_event).map(|map| map.payload_type)
}

/// Where media goes, and whether they take it.
fn reach(media: &MediaDescription) -> Result<(SocketAddr, Direction), SdpError> {
    let address = media.address.as_deref().and_then(|a| a.split('/').next()).ok_or(SdpError::Address)?;
    let ip: IpAddr = address.parse().map_err(|_| SdpError::Address)?;
    if ip.is_multicast() {
        return Err(SdpError::Address);
    }
    // RFC 2543's hold: an address that is none (RFC 3264 section 8.4).
    let direction = if ip.is_unspecified() { media.direction.without_receiving() } else { media.direction };
    Ok((SocketAddr::new(ip, media.port), direction))
}

fn ptime(media: &MediaDescription) -> u16 {
    media.ptime.filter(|ms| (1..=200).contains(ms)).unwrap_or(PACKET_MILLIS as u16)
}

/// What to offer for these codecs: each as its usual payload type, or the one it has in `kept`; a type taken there gives way.
fn payloads(codecs: &[Codec], kept: &[RtpMap]) -> Vec<RtpMap> {
    let mut clocks: Vec<u32> = codecs.iter().map(|codec| codec.clock_rate()).collect();
    clocks.sort_unstable();
    clocks.dedup();
    let events = clocks.into_iter().map(|clock| {
        let payload_type = if clock == 8000 { OFFERED_EVENTS.0 } else { OFFERED_EVENTS.1 };
        RtpMap::mono(payload_type, TELEPHONE_EVENT, clock)
    });
    let mut payloads: Vec<RtpMap> = Vec::new();
    for usual in codecs.iter().map(|codec| offered(*codec)).chain(events) {
        let is_same = |map: &&RtpMap| map.encoding_name == usual.encoding_name && map.clock_rate == usual.clock_rate;
        let map = kept.iter().find(is_same).cloned().unwrap_or_else(|| {
            let is_taken = |pt: &u8| kept.iter().chain(&payloads).any(|map| map.payload_type == *pt);
            let free = std::iter::once(usual.payload_type).chain(DYNAMIC).find(|pt| !is_taken(pt));
            RtpMap { payload_type: free.unwrap_or(usual.payload_type), ..usual }
        });
        payloads.push(map);
    }
    payloads
}

fn offered(codec: Codec) -> RtpMap {
    let payload_type = codec.static_payload_type().unwrap_or(OFFERED_L16);
    RtpMap::mono(payload_type, codec.encoding_name(), codec.clock_rate())
}

/// The payloads of what was agreed: the codec, and events where there are some.
fn agreed_payloads(agreed: &Negotiated) -> Vec<RtpMap> {
    let clock = agreed.codec.clock_rate();
    let mut payloads = vec![RtpMap::mono(agreed.payload_type, agreed.codec.encoding_name(), clock)];
    payloads.extend(agreed.event_payload_type.map(|pt| RtpMap::mono(pt, TELEPHONE_EVENT, clock)));
    payloads
}

/// Writes a description of ours with the version it has to have.
fn describe(local: &LocalMedia, times: (u64, u64), media: &[LocalDescription<'_>]) -> Result<String, SdpError> {
    let body = |version| sdp::write(local.session_id, version, local.addr.ip(), times, media);
    let Some(previous) = &local.previous else { return body(local.version) };
    let version = version_of(previous).unwrap_or(local.version);
    let unchanged = body(version)?;
    if unchanged == *previous { Ok(unchanged) } else { body(version.wrapping_add(1)) }
}

/// The version in the `o=` line of a description of ours.
fn version_of(body: &str) -> Option<u64> {
    body.lines().find_map(|line| line.strip_prefix("o="))?.split(' ').nth(2)?.parse().ok()
}

#[cfg(test)]
#[path = "negotiation_tests.rs"]
mod tests;
