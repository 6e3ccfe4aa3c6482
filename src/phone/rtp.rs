//! RTP of one call: numbers what is sent, puts what is received back in order (RFC 3550). The only file that names rtp-rs.
//!
//! Pure: packets in, samples out, and the other way round. Must not know sockets or clocks.

use std::collections::BTreeMap;

use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};

use super::keypad::EventPacket;
use super::options::Codec;
use crate::media::g711::{alaw_decode, alaw_encode, ulaw_decode, ulaw_encode};

/// Packets held back while an earlier one is missing.
const MOST_WAITING: usize = 3;
/// Silence put in the place of what was lost or not sent, at the most, in samples.
const LONGEST_FILL: u32 = 8_000;
/// A jump in sequence numbers that means a new stream rather than loss.
const NEW_STREAM: u16 = 500;

/// Numbers one stream's packets.
pub struct Outgoing {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Outgoing {
    /// A stream whose first numbers are those (random, RFC 3550 section 5.1).
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp }
    }

    /// The timestamp of the tick to be sent now, 8 kHz units.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// One tick has passed.
    pub fn advance(&mut self, samples: u32) {
        self.timestamp = self.timestamp.wrapping_add(samples);
    }

    /// A packet of audio.
    pub fn audio(&mut self, codec: Codec, samples: &[i16]) -> Vec<u8> {
        let encode = match codec {
            Codec::Pcmu => ulaw_encode,
            Codec::Pcma => alaw_encode,
        };
        let payload: Vec<u8> = samples.iter().map(|sample| encode(*sample)).collect();
        self.packet(codec.payload_type(), false, self.timestamp, &payload)
    }

    /// A telephone event packet.
    pub fn event(&mut self, payload_type: u8, event: &EventPacket) -> Vec<u8> {
        self.packet(payload_type, event.marker, event.timestamp, &event.payload)
    }

    fn packet(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        RtpPacketBuilder::new()
            .payload_type(payload_type)
            .marked(marker)
            .sequence(Seq::from(sequence))
            .timestamp(timestamp)
            .ssrc(self.ssrc)
            .payload(payload)
            .build()
            .unwrap_or_default()
    }
}

/// Puts one stream's packets in order and decodes them.
#[derive(Default)]
pub struct Incoming {
    ssrc: Option<u32>,
    next_sequence: u16,
    next_timestamp: Option<u32>,
    waiting: BTreeMap<u16, Packet>,
}

struct Packet {
    timestamp: u32,
    /// Nothing for a payload that is not audio.
    samples: Option<Vec<i16>>,
}

impl Incoming {
    /// Takes a datagram; gives the samples (8 kHz) that are now in order, silence where packets are lost. Anything that
    /// isn't RTP gives none.
    pub fn arrive(&mut self, datagram: &[u8]) -> Vec<i16> {
        let Ok(packet) = RtpReader::new(datagram) else { return Vec::new() };
        let sequence = u16::from(packet.sequence_number());
        let ahead = sequence.wrapping_sub(self.next_sequence);
        let strayed = ahead >= NEW_STREAM && ahead.wrapping_neg() >= NEW_STREAM;
        if self.ssrc != Some(packet.ssrc()) || strayed {
            *self = Self { ssrc: Some(packet.ssrc()), next_sequence: sequence, ..Self::default() };
        } else if ahead >= NEW_STREAM {
            // Late or a duplicate: its place has been played.
            return Vec::new();
        }
        let decode = match packet.payload_type() {
            0 => Some(ulaw_decode as fn(u8) -> i16),
            8 => Some(alaw_decode as fn(u8) -> i16),
            _ => None,
        };
        let samples = decode.map(|decode| packet.payload().iter().map(|code| decode(*code)).collect());
        let offset = sequence.wrapping_sub(self.next_sequence);
        self.waiting.insert(offset, Packet { timestamp: packet.timestamp(), samples });
        let mut ordered = Vec::new();
        // Played in turn; past the most that may wait, what is missing is given up.
        while let Some((offset, packet)) = self.waiting.pop_first() {
            if offset > 0 && self.waiting.len() < MOST_WAITING {
                self.waiting.insert(offset, packet);
                break;
            }
            self.play(packet, &mut ordered);
            let step = offset.wrapping_add(1);
            self.next_sequence = self.next_sequence.wrapping_add(step);
            self.waiting =
                std::mem::take(&mut self.waiting).into_iter().map(|(at, p)| (at.wrapping_sub(step), p)).collect();
        }
        ordered
    }

    fn play(&mut self, packet: Packet, ordered: &mut Vec<i16>) {
        let Some(samples) = packet.samples else { return };
        if let Some(expected) = self.next_timestamp {
            let gap = packet.timestamp.wrapping_sub(expected);
            // More than half the number space is behind, not ahead.
            if gap < u32::MAX / 2 {
                ordered.extend(std::iter::repeat_n(0, gap.min(LONGEST_FILL) as usize));
            }
        }
        self.next_timestamp = Some(packet.timestamp.wrapping_add(samples.len() as u32));
        ordered.extend(samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 160 samples, each of one level: 1000, 2000, …
    fn packets(count: i16) -> Vec<Vec<u8>> {
        let mut stream = Outgoing::new(7, 65_534, u32::MAX - 200);
        (1..=count)
            .map(|level| {
                let packet = stream.audio(Codec::Pcma, &[level * 1000; 160]);
                stream.advance(160);
                packet
            })
            .collect()
    }

    /// The level of each 20 ms played, in thousands.
    fn levels(samples: &[i16]) -> Vec<i32> {
        samples.chunks(160).map(|chunk| (f64::from(chunk[80]) / 1000.0).round() as i32).collect()
    }

    fn play(order: &[usize]) -> Vec<i32> {
        let (packets, mut incoming) = (packets(12), Incoming::default());
        let samples: Vec<i16> = order.iter().flat_map(|at| incoming.arrive(&packets[*at])).collect();
        levels(&samples)
    }

    #[test]
    fn packets_out_of_order_or_twice_play_in_order_and_once() {
        assert_eq!(play(&[0, 2, 1, 1, 3, 5, 4, 0, 6]), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_lost_packet_leaves_silence_of_its_length() {
        assert_eq!(play(&[0, 1, 4, 5, 6, 7]), [1, 2, 0, 0, 5, 6, 7, 8]);
    }

    #[test]
    fn another_source_starts_anew() {
        let mut incoming = Incoming::default();
        let mut other = Outgoing::new(8, 100, 5);
        let mut samples = incoming.arrive(&packets(1)[0]);
        samples.extend(incoming.arrive(&other.audio(Codec::Pcmu, &[3000; 160])));
        assert_eq!(levels(&samples), [1, 3]);
    }

    #[test]
    fn noise_on_the_port_is_nothing() {
        let mut incoming = Incoming::default();
        assert!((0..64).all(|length| incoming.arrive(&vec![0xAB; length]).is_empty()));
    }

    #[test]
    fn events_have_their_own_timestamp_and_the_streams_numbers() {
        let mut stream = Outgoing::new(7, 10, 0);
        stream.audio(Codec::Pcmu, &[0; 160]);
        stream.advance(160);
        let event = EventPacket { marker: true, timestamp: 160, payload: [1, 10, 0, 160] };
        let bytes = stream.event(101, &event);
        let read = RtpReader::new(&bytes).unwrap();
        assert_eq!((read.payload_type(), read.mark(), read.timestamp()), (101, true, 160));
        assert_eq!(u16::from(read.sequence_number()), 11);
        assert_eq!(read.payload(), [1, 10, 0, 160]);
    }
}
