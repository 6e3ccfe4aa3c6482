//! What a stream makes of what it receives: whose packets count, where to send in return, and which digits they carry.
//! Pure; must not know sockets.
//!
//! Media is taken only from the address the description names or from where the signalling came (a phone behind NAT), any
//! port. The first good packet locks the stream to its source: from then on nobody else's packets count, and our media goes
//! there, since that is where NAT lets it back in.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::codec::{Codec, Decoder, MAX_PACKET_SAMPLES};
use super::digit::Digit;
use super::events::EventReceiver;
use super::inband::InbandDetector;
use super::rtp::RtpPacket;

/// For so long after a new description, packets from the source before are taken to have been under way.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// It was taken, and locked the stream to its source.
    Latched,
    /// It was taken.
    Taken,
    /// It was no RTP, or not from where it may come.
    Refused,
}

/// The receiving half of a stream.
pub(super) struct Inbound {
    /// Where the description says media goes.
    remote: SocketAddr,
    signalling: IpAddr,
    latched: Option<SocketAddr>,
    former: Option<Former>,
    payload_type: u8,
    event_payload_type: Option<u8>,
    events: EventReceiver,
    /// Ears for tones, until the first event shows that they are not needed.
    inband: Option<Box<Ears>>,
}

/// The source under a description before. Its last packets, come late, must not lock the stream to it again.
#[derive(Clone, Copy)]
struct Former {
    remote: SocketAddr,
    source: SocketAddr,
    left: Instant,
}

struct Ears {
    decoder: Decoder,
    detector: InbandDetector,
    samples: [i16; MAX_PACKET_SAMPLES],
}

impl Inbound {
    /// A stream with `remote` from the description, its signalling coming from `signalling`.
    pub(super) fn new(
        remote: SocketAddr,
        signalling: IpAddr,
        codec: Codec,
        payload_type: u8,
        event_payload_type: Option<u8>,
        detect_inband: bool,
    ) -> Self {
        let ears = || Ears {
            decoder: codec.decoder(),
            detector: InbandDetector::new(codec.sample_rate()),
            samples: [0; MAX_PACKET_SAMPLES],
        };
        Self {
            remote,
            signalling: signalling.to_canonical(),
            latched: None,
            former: None,
            payload_type,
            event_payload_type,
            events: EventReceiver::new(),
            inband: detect_inband.then(|| Box::new(ears())),
        }
    }

    /// Takes a datagram and tells the digits that it made certain.
    pub(super) fn receive(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
        mut digit: impl FnMut(Digit),
    ) -> Admission {
        if !self.may_come_from(source, now) {
            return Admission::Refused;
        }
        let Some(packet) = RtpPacket::parse(datagram) else { return Admission::Refused };
        let admission = if self.latched.replace(source).is_some() { Admission::Taken } else { Admission::Latched };
        let payload_type = packet.header.payload_type;
        if Some(payload_type) == self.event_payload_type {
            let (ssrc, timestamp) = (packet.header.ssrc, packet.header.timestamp);
            if let Some(pressed) = self.events.receive(ssrc, timestamp, packet.payload, now) {
                // Who sends events may let the tones through as well, and each key must count once.
                self.inband = None;
                digit(pressed);
            }
        } else if payload_type == self.payload_type
            && let Some(ears) = &mut self.inband
        {
            let heard = ears.decoder.decode(packet.payload, &mut ears.samples);
            ears.detector.push(heard, digit);
        }
        admission
    }

    /// Takes packets from where `before` took them.
    pub(super) fn aim_as(&mut self, before: &Self) {
        self.remote = before.remote;
        self.latched = before.latched;
        self.former = before.former;
    }

    /// Follows a new description. The same address again changes nothing; another is locked on to anew. Tells whether it is another.
    pub(super) fn redirect(&mut self, remote: SocketAddr, now: Instant) -> bool {
        let moved = remote != self.remote;
        if moved {
            if let Some(source) = self.latched.take() {
                self.former = Some(Former { remote: self.remote, source, left: now });
            }
            self.remote = remote;
        }
        moved
    }

    /// Where to send; `None` while the stream is held by an address that is none.
    pub(super) fn destination(&self) -> Option<SocketAddr> {
        let held = self.remote.ip().is_unspecified() || self.remote.port() == 0;
        (!held).then(|| self.latched.unwrap_or(self.remote))
    }

    /// The payload type of events if nothing else needs to be read: not before the source is known, except where waiting for
    /// audio to show it would be of no use.
    pub(super) fn reads_only(&self, waited_long: bool) -> Option<u8> {
        let no_nat_seen = self.remote.ip().to_canonical() == self.signalling;
        let source_known = self.latched.is_some() || (waited_long && no_nat_seen);
        self.event_payload_type.filter(|_| source_known && self.inband.is_none())
    }

    fn may_come_from(&self, source: SocketAddr, now: Instant) -> bool {
        match self.latched {
            Some(latched) => source == latched,
            None => {
                let ip = source.ip().to_canonical();
                let is_theirs =
                    ip == self.signalling || (ip == self.remote.ip().to_canonical() && !ip.is_unspecified());
                is_theirs && !self.is_from_before(source, now)
            }
        }
    }

    /// Whether the packet was meant for a description before. After a hold the description may be that one again.
    fn is_from_before(&self, source: SocketAddr, now: Instant) -> bool {
        let of_before = |former: &Former| {
            former.source == source
                && former.remote != self.remote
                && now.saturating_duration_since(former.left) < UNDER_WAY
        };
        source != self.remote && self.former.as_ref().is_some_and(of_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::events::EventPayload;
    use crate::media::inband::tests::tone_at;
    use crate::media::rtp::RtpHeader;

    const REMOTE: &str = "192.0.2.1:4000";

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn stream(detect_inband: bool) -> Inbound {
        Inbound::new(addr(REMOTE), "198.51.100.1".parse().unwrap(), Codec::Pcma, 8, Some(101), detect_inband)
    }

    fn rtp(payload_type: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let header = RtpHeader { marker: false, payload_type, sequence: 1, timestamp, ssrc: 1 };
        [&header.octets()[..], payload].concat()
    }

    fn event(key: char, timestamp: u32) -> Vec<u8> {
        let digit = Digit::from_char(key).unwrap();
        rtp(101, timestamp, &EventPayload { digit, end: false, duration: 160 }.octets())
    }

    fn receive(inbound: &mut Inbound, source: &str, datagram: &[u8]) -> (Admission, String) {
        let mut keys = String::new();
        let admission = inbound.receive(addr(source), datagram, Instant::now(), |digit| keys.push(digit.as_char()));
        (admission, keys)
    }

    #[test]
    fn strangers_are_neither_heard_nor_sent_to() {
        let mut inbound = stream(false);
        for source in ["203.0.113.9:4000", "192.0.2.2:4000"] {
            assert_eq!(receive(&mut inbound, source, &event('1', 0)), (Admission::Refused, String::new()));
        }
        assert_eq!(receive(&mut inbound, REMOTE, b"not rtp"), (Admission::Refused, String::new()));
        assert_eq!(inbound.destination(), Some(addr(REMOTE)));
    }

    #[test]
    fn the_first_source_that_may_is_locked_to_and_sent_to() {
        for first in ["192.0.2.1:9999", "198.51.100.1:1024"] {
            let mut inbound = stream(false);
            assert_eq!(receive(&mut inbound, first, &rtp(8, 0, &[0xD5; 160])), (Admission::Latched, String::new()));
            assert_eq!(inbound.destination(), Some(addr(first)));
            assert_eq!(receive(&mut inbound, REMOTE, &event('1', 0)).0, Admission::Refused);
            assert_eq!(receive(&mut inbound, first, &event('1', 0)), (Admission::Taken, "1".to_owned()));
        }
    }

    #[test]
    fn a_new_description_is_followed_and_the_same_one_again_is_not() {
        let mut inbound = stream(false);
        receive(&mut inbound, "198.51.100.1:1024", &event('1', 0));
        let now = Instant::now();
        assert!(!inbound.redirect(addr(REMOTE), now));
        assert_eq!(inbound.destination(), Some(addr("198.51.100.1:1024")));
        assert!(inbound.redirect(addr("192.0.2.7:5000"), now));
        assert_eq!(inbound.destination(), Some(addr("192.0.2.7:5000")));
        assert_eq!(receive(&mut inbound, REMOTE, &event('2', 0)).0, Admission::Refused);
        inbound.redirect(addr("0.0.0.0:5000"), now);
        assert_eq!(inbound.destination(), None);
    }

    #[test]
    fn what_was_under_way_from_the_source_before_does_not_count() {
        let (old, new) = ("198.51.100.1:1024", "198.51.100.1:1026");
        let mut inbound = stream(false);
        let start = Instant::now();
        let at = |inbound: &mut Inbound, source, after| {
            inbound.receive(addr(source), &event('1', 0), start + Duration::from_millis(after), |_| ())
        };
        assert_eq!(at(&mut inbound, old, 0), Admission::Latched);
        inbound.redirect(addr("192.0.2.1:4002"), start);
        assert_eq!(at(&mut inbound, old, 1999), Admission::Refused);
        assert_eq!(at(&mut inbound, new, 1999), Admission::Latched);
        // A hold that ends where it began finds the same source, behind NAT too.
        inbound.redirect(addr("0.0.0.0:4002"), start);
        inbound.redirect(addr("192.0.2.1:4002"), start);
        assert_eq!(at(&mut inbound, new, 0), Admission::Latched);
        // Who says that it goes on from the old port is believed, and so is who still uses it much later.
        inbound.redirect(addr(new), start);
        assert_eq!(at(&mut inbound, new, 0), Admission::Latched);
        inbound.redirect(addr(REMOTE), start);
        assert_eq!(at(&mut inbound, new, 2000), Admission::Latched);
    }

    #[test]
    fn only_events_are_read_once_nothing_else_is_needed() {
        let mut inbound = stream(false);
        assert_eq!(inbound.reads_only(true), None, "behind NAT audio must show the source");
        receive(&mut inbound, REMOTE, &rtp(97, 0, &[0; 4]));
        assert_eq!(inbound.reads_only(false), Some(101));
        let plain = Inbound::new(addr(REMOTE), addr(REMOTE).ip(), Codec::Pcma, 8, Some(101), false);
        assert_eq!((plain.reads_only(false), plain.reads_only(true)), (None, Some(101)));
        let mut listening = stream(true);
        receive(&mut listening, REMOTE, &rtp(8, 0, &[0xD5; 160]));
        assert_eq!(listening.reads_only(true), None);
    }

    #[test]
    fn tones_are_heard_where_asked_for_until_events_come() {
        let mut inbound = stream(true);
        let tone = Codec::Pcma.encode(&tone_at('6', 100, 8000, 6000.0, 6000.0, 1.0));
        let pause = Codec::Pcma.encode(&[0; 800]);
        let hear = |inbound: &mut Inbound| -> String {
            let packets = tone.chunks(160).chain(pause.chunks(160));
            packets.map(|payload| receive(inbound, REMOTE, &rtp(8, 0, payload)).1).collect()
        };
        assert_eq!(hear(&mut inbound), "6");
        assert_eq!(receive(&mut inbound, REMOTE, &event('7', 0)).1, "7");
        assert_eq!(hear(&mut inbound), "");
        assert_eq!(hear(&mut stream(false)), "");
    }
}
