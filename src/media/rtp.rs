//! RTP headers (RFC 3550): the only place that names the crate `rtp-rs`. Must not know payloads, sockets or streams.

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

/// Octets of the fixed RTP header, which is all that is ever sent.
pub const HEADER_OCTETS: usize = 12;

/// The largest packet looked at, in octets: more than 120 ms of L16 at 16 kHz; the rest of a longer one is dropped.
pub const MAX_PACKET: usize = 4096;

/// The changing and the fixed fields of a header to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Set on the first packet of a talkspurt or event.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the codec's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl RtpHeader {
    /// The header's octets, without CSRCs, extension or padding.
    pub fn octets(&self) -> [u8; HEADER_OCTETS] {
        let mut octets = [0; HEADER_OCTETS];
        let header = RtpPacketBuilder::new()
            .marked(self.marker)
            .payload_type(self.payload_type & 0x7F)
            .sequence(Seq::from(self.sequence))
            .timestamp(self.timestamp)
            .ssrc(self.ssrc);
        // Twelve octets are what a header without payload takes, and the payload type is in range: it cannot fail.
        let _ = header.build_into(&mut octets);
        octets
    }
}

/// A received packet: its header and its payload without CSRCs, extension and padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// The header's fields.
    pub header: RtpHeader,
    /// The payload.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a datagram; `None` if it is no RTP: another version, cut short, or RTCP that came to the wrong port (RFC 5761 section 4).
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let reader = RtpReader::new(datagram).ok()?;
        let header = RtpHeader {
            marker: reader.mark(),
            payload_type: reader.payload_type(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
        };
        let is_rtcp = header.marker && (64..=95).contains(&header.payload_type);
        (!is_rtcp).then(|| Self { header, payload: reader.payload() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_header_reads_back_as_written(marker: bool, payload_type in 0u8..64, sequence: u16, timestamp: u32, ssrc: u32) {
            let header = RtpHeader { marker, payload_type, sequence, timestamp, ssrc };
            let mut datagram = header.octets().to_vec();
            datagram.extend_from_slice(b"payload");
            let packet = RtpPacket::parse(&datagram).unwrap();
            proptest::prop_assert_eq!(packet, RtpPacket { header, payload: b"payload" });
        }

        #[test]
        fn no_datagram_panics(datagram in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            if let Some(packet) = RtpPacket::parse(&datagram) {
                proptest::prop_assert!(packet.payload.len() + HEADER_OCTETS <= datagram.len());
            }
        }
    }

    #[test]
    fn rtcp_and_other_versions_are_no_rtp() {
        let sender_report = [0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(RtpPacket::parse(&sender_report), None);
        assert_eq!(RtpPacket::parse(&[0x40; 20]), None);
        assert_eq!(RtpPacket::parse(&[]), None);
    }

    #[test]
    fn csrcs_extension_and_padding_are_no_payload() {
        let mut datagram = vec![0xB1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9];
        datagram.extend_from_slice(&[0xBE, 0xDE, 0, 1, 1, 2, 3, 4]);
        datagram.extend_from_slice(&[5, 6, 7, 0, 0, 3]);
        assert_eq!(RtpPacket::parse(&datagram).unwrap().payload, [5, 6, 7]);
    }
}
