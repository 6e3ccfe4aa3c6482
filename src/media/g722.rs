//! G.722 at 64 kbit/s: the only place that names the crate `audio-codec`. Must not know packets or prompts.

use audio_codec::g722::{G722Decoder, G722Encoder};
use audio_codec::{Decoder, Encoder};

/// Samples of silence that settle the adaptive predictor before a prompt, so that every prompt begins
/// as a listener's decoder expects after silence: 100 ms at 16 kHz.
const SETTLING: usize = 1600;

/// Encodes 16 kHz samples, two to an octet. Begins from the state silence leaves; an odd last sample is padded.
pub fn encode(samples: &[i16]) -> Vec<u8> {
    let mut encoder = G722Encoder::new();
    let mut settled = vec![0; SETTLING];
    settled.extend_from_slice(samples);
    if settled.len() % 2 == 1 {
        settled.push(0);
    }
    let mut octets = vec![0; encoder.max_encode_bytes(settled.len())];
    // The buffer is as large as the encoder asks for, so it cannot be too small.
    let written = encoder.encode_into(&settled, &mut octets).unwrap_or(0);
    octets.truncate(written);
    octets.drain(..(SETTLING / 2).min(written));
    octets
}

/// A decoder that carries its state from packet to packet, as one stream needs.
pub struct G722Stream(Box<G722Decoder>);

impl G722Stream {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self(Box::new(G722Decoder::new()))
    }

    /// Decodes `octets` into the front of `samples`: two each. Returns how many samples were written.
    pub fn decode(&mut self, octets: &[u8], samples: &mut [i16]) -> usize {
        let fits = octets.get(..(samples.len() / 2).min(octets.len())).unwrap_or(&[]);
        self.0.decode_into(fits, samples).unwrap_or(0)
    }
}

impl Default for G722Stream {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_comes_back_as_the_same_tone() {
        let tone: Vec<i16> = (0..16_000)
            .map(|n| (8000.0 * (f64::from(n) * 440.0 * std::f64::consts::TAU / 16_000.0).sin()) as i16)
            .collect();
        let octets = encode(&tone);
        assert_eq!(octets.len(), 8000);
        let mut decoded = vec![0; 16_000];
        let mut decoder = G722Stream::new();
        assert_eq!(
            octets.chunks(160).zip(decoded.chunks_mut(320)).map(|(i, o)| decoder.decode(i, o)).sum::<usize>(),
            16_000
        );
        // The two filter banks delay by 22 samples together.
        let (mut signal, mut noise) = (0.0, 0.0);
        for n in 2000..15_000 {
            let (sent, heard) = (f64::from(tone[n]), f64::from(decoded[n + 22]));
            signal += sent * sent;
            noise += (sent - heard) * (sent - heard);
        }
        let snr = 10.0 * (signal / noise).log10();
        assert!(snr > 30.0, "SNR {snr:.1} dB");
    }

    #[test]
    fn a_short_output_buffer_takes_what_fits() {
        let octets = encode(&[0; 320]);
        let mut samples = [0; 7];
        assert_eq!(G722Stream::new().decode(&octets, &mut samples), 6);
    }
}
