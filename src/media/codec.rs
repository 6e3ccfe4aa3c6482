//! The codecs a stream can speak, their RTP facts, and encoding and decoding by them. Must not know packets' headers or negotiation.

use std::fmt;

use super::{g711, g722};

/// Milliseconds of audio in a packet we send. Every codec here uses the same (RFC 3551 section 4.2's default).
pub const PACKET_MILLIS: u32 = 20;

/// The most samples one received packet is decoded to: 120 ms at 16 kHz.
pub const MAX_PACKET_SAMPLES: usize = 1920;

/// Two G.729 frames of silence, as an encoder gives them that has heard a second of it.
const G729_SILENCE: [u8; 20] = [
    0x78, 0x52, 0x80, 0xa0, 0x00, 0xfa, 0xc2, 0x00, 0x07, 0xd6, //
    0x78, 0xaa, 0x40, 0xa0, 0x00, 0xfa, 0xc2, 0x00, 0x07, 0xd6,
];

/// An audio codec, always mono.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// Linear 16-bit at 16 kHz, network byte order (RFC 3551 section 4.5.11).
    L16,
    /// G.722 at 64 kbit/s. Its RTP clock is 8000 though it is sampled at 16 kHz (RFC 3551 section 4.5.2).
    G722,
    /// G.729 at 8 kbit/s, two frames a packet (RFC 3551 section 4.5.6). It is neither encoded nor decoded in this program: its
    /// recordings come ready-made, and digits come as events.
    G729,
}

impl Codec {
    /// Every codec, best sounding first.
    pub const ALL: [Self; 5] = [Self::L16, Self::G722, Self::Pcmu, Self::Pcma, Self::G729];

    /// The encoding name of `a=rtpmap`.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::L16 => "L16",
            Self::G722 => "G722",
            Self::G729 => "G729",
        }
    }

    /// The codec of that encoding name (any case), if this program has it. The clock rate is for the caller to compare.
    pub fn from_encoding_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.encoding_name().eq_ignore_ascii_case(name))
    }

    /// The payload type RFC 3551 fixes; `None` where it is dynamic.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::G729 => Some(18),
            Self::L16 => None,
        }
    }

    /// RTP clock rate in Hz.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 | Self::G729 => 8000,
            Self::L16 => 16_000,
        }
    }

    /// Sample rate of the audio that [`encode`](Self::encode) takes, in Hz.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G729 => 8000,
            Self::L16 | Self::G722 => 16_000,
        }
    }

    /// Samples of audio in a 20 ms packet.
    pub const fn packet_samples(self) -> usize {
        (self.sample_rate() / 1000 * PACKET_MILLIS) as usize
    }

    /// Payload octets of a 20 ms packet.
    pub const fn packet_octets(self) -> usize {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 160,
            Self::L16 => 640,
            Self::G729 => G729_SILENCE.len(),
        }
    }

    /// How far the RTP timestamp moves in a 20 ms packet.
    pub const fn timestamp_step(self) -> u32 {
        self.clock_rate() / 1000 * PACKET_MILLIS
    }

    /// True if recordings come ready-made, because this program has no encoder.
    pub const fn is_ready_made(self) -> bool {
        matches!(self, Self::G729)
    }

    /// Encodes a whole recording sampled at [`sample_rate`](Self::sample_rate), padded with silence to whole packets. What
    /// [comes ready-made](Self::is_ready_made) becomes silence as long.
    pub fn encode(self, samples: &[i16]) -> Vec<u8> {
        let mut padded = samples.to_vec();
        padded.resize(samples.len().next_multiple_of(self.packet_samples()), 0);
        match self {
            Self::Pcmu => padded.into_iter().map(g711::ulaw_encode).collect(),
            Self::Pcma => padded.into_iter().map(g711::alaw_encode).collect(),
            Self::L16 => padded.into_iter().flat_map(i16::to_be_bytes).collect(),
            Self::G722 => g722::encode(&padded),
            Self::G729 => G729_SILENCE.repeat(padded.len() / self.packet_samples()),
        }
    }

    /// A decoder for one received stream.
    pub fn decoder(self) -> Decoder {
        match self {
            Self::Pcmu => Decoder(State::Table(g711::ulaw_decode)),
            Self::Pcma => Decoder(State::Table(g711::alaw_decode)),
            Self::L16 => Decoder(State::Linear),
            Self::G722 => Decoder(State::G722(g722::G722Stream::new())),
            Self::G729 => Decoder(State::Deaf),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encoding_name())
    }
}

/// Turns the payloads of one stream into samples at the codec's [`sample_rate`](Codec::sample_rate).
pub struct Decoder(State);

enum State {
    Table(fn(u8) -> i16),
    Linear,
    G722(g722::G722Stream),
    Deaf,
}

impl Decoder {
    /// Decodes `payload` into the front of `samples` and returns the part written; what does not fit is left out.
    pub fn decode<'a>(&mut self, payload: &[u8], samples: &'a mut [i16]) -> &'a [i16] {
        let written = match &mut self.0 {
            State::Table(expand) => fill(samples, payload.iter().map(|code| expand(*code))),
            State::Linear => fill(samples, payload.as_chunks::<2>().0.iter().map(|pair| i16::from_be_bytes(*pair))),
            State::G722(stream) => stream.decode(payload, samples),
            State::Deaf => 0,
        };
        samples.get(..written).unwrap_or(&[])
    }
}

fn fill(samples: &mut [i16], values: impl Iterator<Item = i16>) -> usize {
    samples.iter_mut().zip(values).map(|(slot, value)| *slot = value).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rtp_facts_of_a_packet_agree() {
        for codec in Codec::ALL {
            let silence = codec.encode(&vec![0; codec.packet_samples()]);
            assert_eq!(silence.len(), codec.packet_octets(), "{codec}");
            assert_eq!(codec.timestamp_step() * 50, codec.clock_rate());
            assert_eq!(Codec::from_encoding_name(&codec.encoding_name().to_lowercase()), Some(codec));
        }
        assert_eq!((Codec::G722.clock_rate(), Codec::G722.sample_rate()), (8000, 16_000));
        assert_eq!(Codec::from_encoding_name("opus"), None);
    }

    #[test]
    fn a_recording_is_padded_to_whole_packets_and_decodes_to_itself() {
        let ramp: Vec<i16> = (0..500).map(|n| n * 50 - 12_500).collect();
        for codec in Codec::ALL {
            let octets = codec.encode(&ramp);
            assert_eq!(octets.len() % codec.packet_octets(), 0);
            assert!(codec.encode(&[]).is_empty());
            let mut samples = [0; MAX_PACKET_SAMPLES];
            let decoded = codec.decoder().decode(&octets, &mut samples).to_vec();
            assert_eq!(decoded.is_empty(), codec.is_ready_made());
            if codec != Codec::G722 {
                for (sent, heard) in ramp.iter().zip(&decoded) {
                    assert!(sent.abs_diff(*heard) < 520, "{codec}: {sent} became {heard}");
                }
            }
        }
    }

    #[test]
    fn a_payload_larger_than_the_buffer_is_cut() {
        let mut samples = [0; 3];
        assert_eq!(Codec::Pcmu.decoder().decode(&[0xFF; 10], &mut samples).len(), 3);
        assert_eq!(Codec::L16.decoder().decode(&[0, 1, 0], &mut samples), [1]);
    }
}
