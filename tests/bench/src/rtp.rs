//! RTP headers (RFC 3550), read and written independently of the server. Pure; must not know sockets or streams.

/// Octets of the fixed header.
pub const HEADER: usize = 12;
/// Ticks of G.711's clock in one packet of 20 ms.
pub const STEP: u32 = 160;
/// The payload type of G.711 µ-law.
pub const PCMU: u8 = 0;
/// The payload type offered for telephone-events.
pub const EVENTS: u8 = 101;

/// The fixed header's fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// First packet of a talkspurt or event.
    pub marker: bool,
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, in ticks of 125 µs.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// Reads a datagram's header; `None` for what is no RTP.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let [version, kind, s1, s0, t3, t2, t1, t0, c3, c2, c1, c0] = *datagram.first_chunk::<HEADER>()?;
        (version >> 6 == 2).then_some(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7F,
            sequence: u16::from_be_bytes([s1, s0]),
            timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
            ssrc: u32::from_be_bytes([c3, c2, c1, c0]),
        })
    }

    /// The header as it is sent.
    pub fn octets(self) -> [u8; HEADER] {
        let kind = self.payload_type | if self.marker { 0x80 } else { 0 };
        let [s1, s0] = self.sequence.to_be_bytes();
        let [t3, t2, t1, t0] = self.timestamp.to_be_bytes();
        let [c3, c2, c1, c0] = self.ssrc.to_be_bytes();
        [0x80, kind, s1, s0, t3, t2, t1, t0, c3, c2, c1, c0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_written() {
        let header = Header { marker: true, payload_type: 101, sequence: 0xFFFE, timestamp: 7, ssrc: 0xDEAD_BEEF };
        assert_eq!(Header::parse(&header.octets()), Some(header));
        assert_eq!(Header::parse(&header.octets()[..11]), None);
        assert_eq!(Header::parse(&[0x40; 12]), None);
    }
}
