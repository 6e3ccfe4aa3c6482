//! Audio encoded once for any number of streams to point into. Must not know recordings or streams.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::codec::{Codec, PACKET_MILLIS};
use super::error::MediaError;

/// A recording as the payloads of consecutive 20 ms packets of one codec.
pub struct EncodedAudio {
    codec: Codec,
    octets: Box<[u8]>,
}

/// The most packets of a recording encoded elsewhere: 120 seconds.
const MOST_PACKETS: usize = 120 * 50;
/// The longest [`EncodedAudio::silence`].
const MAX_SILENCE: Duration = Duration::from_secs(10);

impl EncodedAudio {
    /// Encodes `samples`, taken at the codec's [`sample_rate`](Codec::sample_rate); the last packet is padded with silence.
    pub fn new(codec: Codec, samples: &[i16]) -> Self {
        Self { codec, octets: codec.encode(samples).into_boxed_slice() }
    }

    /// One that was encoded elsewhere: whole packets, one after the other.
    ///
    /// # Errors
    /// It is empty, ends within a packet, or is longer than 120 seconds.
    pub fn ready_made(codec: Codec, octets: &[u8]) -> Result<Self, MediaError> {
        let packets = octets.len() / codec.packet_octets();
        if packets == 0 || !octets.len().is_multiple_of(codec.packet_octets()) {
            return Err(MediaError::NotWholePackets { codec });
        }
        if packets > MOST_PACKETS {
            return Err(MediaError::RecordingTooLarge { limit: 120, unit: "seconds" });
        }
        Ok(Self { codec, octets: octets.into() })
    }

    /// A pause of `duration`, rounded up to whole packets and at most ten seconds.
    pub fn silence(codec: Codec, duration: Duration) -> Self {
        let millis = duration.min(MAX_SILENCE).as_millis() as usize;
        Self::new(codec, &vec![0; millis * codec.sample_rate() as usize / 1000])
    }

    /// The payload of one packet of silence, as a listener's decoder expects it after other silence.
    pub fn silence_payload(codec: Codec) -> &'static [u8] {
        static PAYLOADS: [OnceLock<Box<[u8]>>; Codec::ALL.len()] = [const { OnceLock::new() }; Codec::ALL.len()];
        let payload = PAYLOADS.get(codec as usize);
        payload
            .map_or(&[], |cell| cell.get_or_init(|| codec.encode(&vec![0; codec.packet_samples()]).into_boxed_slice()))
    }

    /// The codec of the payloads.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// How many packets there are.
    pub fn packets(&self) -> usize {
        self.octets.len() / self.codec.packet_octets()
    }

    /// The payload of the packet with that index; `None` after the last.
    pub fn payload(&self, index: usize) -> Option<&[u8]> {
        let start = index.checked_mul(self.codec.packet_octets())?;
        self.octets.get(start..start.checked_add(self.codec.packet_octets())?)
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.packets() as u64 * u64::from(PACKET_MILLIS))
    }
}

impl std::fmt::Debug for EncodedAudio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncodedAudio({}, {} packets)", self.codec, self.packets())
    }
}

/// One recording for each codec, encoded when first asked for.
#[derive(Default)]
pub(super) struct EncodedSet([OnceLock<Arc<EncodedAudio>>; Codec::ALL.len()]);

impl EncodedSet {
    /// The recording in `codec`; `samples` gives it at the codec's sample rate, and is called once at most.
    pub(super) fn get(&self, codec: Codec, samples: impl FnOnce() -> Vec<i16>) -> Option<Arc<EncodedAudio>> {
        let cell = self.0.get(codec as usize)?;
        Some(cell.get_or_init(|| Arc::new(EncodedAudio::new(codec, &samples()))).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_whole_packets_in_order() {
        let samples: Vec<i16> = (0..400).map(|n| n * 64).collect();
        let audio = EncodedAudio::new(Codec::Pcmu, &samples);
        assert_eq!((audio.packets(), audio.duration()), (3, Duration::from_millis(60)));
        assert_eq!(audio.payload(0).unwrap(), Codec::Pcmu.encode(&samples[..160]));
        assert_eq!(audio.payload(2).unwrap()[80..], [0xFF; 80]);
        assert!(audio.payload(3).is_none() && audio.payload(usize::MAX).is_none());
    }

    #[test]
    fn silence_is_silent_in_every_codec() {
        for codec in Codec::ALL {
            let payload = EncodedAudio::silence_payload(codec);
            assert_eq!(payload.len(), codec.packet_octets());
            let mut samples = [0; 320];
            let heard = codec.decoder().decode(payload, &mut samples).to_vec();
            assert!(heard.iter().all(|s| s.abs() < 40), "{codec}");
            assert_eq!(EncodedAudio::silence(codec, Duration::from_millis(90)).packets(), 5);
            assert_eq!(EncodedAudio::silence(codec, Duration::MAX).packets(), 500);
        }
    }
}
