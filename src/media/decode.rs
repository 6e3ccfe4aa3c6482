//! Reading recordings: the only place that names the crate `symphonia`. FLAC and WAV in, mono samples out. Must not know prompts.

use std::io::Cursor;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;

use super::error::MediaError;
use super::resample;

/// The largest file read, in octets.
pub const MAX_FILE: usize = 16 << 20;
/// The longest recording kept, in seconds.
pub const MAX_SECONDS: usize = 120;
/// The highest sample rate read, in Hz.
const MAX_RATE: u32 = 192_000;
/// The most channels mixed down.
const MAX_CHANNELS: usize = 8;

/// Decodes a FLAC or WAV file to mono 16-bit samples at `rate` Hz. Several channels are averaged.
///
/// The file may come from anybody: its size, rate, channels and duration are bounded before memory is spent on them.
pub fn decode(file: &[u8], rate: u32) -> Result<Vec<i16>, MediaError> {
    if file.len() > MAX_FILE {
        return Err(MediaError::RecordingTooLarge { limit: MAX_FILE, unit: "octets" });
    }
    let (samples, file_rate) = decode_mono(file)?;
    Ok(resample::quantise(&resample::resample(&samples, file_rate, rate)?))
}

fn unreadable(reason: impl ToString) -> MediaError {
    MediaError::UnreadableRecording(reason.to_string())
}

/// The samples at the file's own rate, and that rate.
fn decode_mono(file: &[u8]) -> Result<(Vec<f32>, u32), MediaError> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(file.to_vec())), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), source, Default::default(), Default::default())
        .map_err(unreadable)?;
    let track = format.default_track(TrackType::Audio).ok_or_else(|| unreadable("no audio track"))?;
    let track_id = track.id;
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(|| unreadable("unknown codec"))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(unreadable)?;

    let mut mono: Vec<f32> = Vec::new();
    let mut interleaved: Vec<f32> = Vec::new();
    let mut file_rate = None;
    while let Some(packet) = format.next_packet().map_err(unreadable)? {
        if packet.track_id != track_id {
            continue;
        }
        let buffer = decoder.decode(&packet).map_err(unreadable)?;
        let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
        if !(1..=MAX_RATE).contains(&rate) || !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(unreadable("unusual sample rate or number of channels"));
        }
        if *file_rate.get_or_insert(rate) != rate {
            return Err(unreadable("the sample rate changes"));
        }
        if mono.len() + buffer.frames() > MAX_SECONDS * rate as usize {
            return Err(MediaError::RecordingTooLarge { limit: MAX_SECONDS, unit: "seconds" });
        }
        buffer.copy_to_vec_interleaved(&mut interleaved);
        mono.extend(interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32));
    }
    match file_rate {
        Some(rate) => Ok((mono, rate)),
        None => Err(unreadable("no audio in it")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A 16-bit WAV file of those interleaved samples.
    pub fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let data = u32::try_from(samples.len() * 2).unwrap();
        let frame = channels * 2;
        let mut file = Vec::new();
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(36 + data).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
        file.extend_from_slice(&channels.to_le_bytes());
        file.extend_from_slice(&rate.to_le_bytes());
        file.extend_from_slice(&(rate * u32::from(frame)).to_le_bytes());
        file.extend_from_slice(&frame.to_le_bytes());
        file.extend_from_slice(b"\x10\0data");
        file.extend_from_slice(&data.to_le_bytes());
        file.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        file
    }

    #[test]
    fn sixteen_bit_samples_at_the_rate_asked_for_are_read_exactly() {
        let samples: Vec<i16> = (0..3000).map(|n: i32| (n * 37 % 65_536 - 32_768) as i16).collect();
        assert_eq!(decode(&wav(16_000, 1, &samples), 16_000).unwrap(), samples);
    }

    #[test]
    fn channels_are_mixed_and_rates_converted() {
        let stereo: Vec<i16> = (0..48_000).flat_map(|_| [1000, 3000]).collect();
        let mono = decode(&wav(48_000, 2, &stereo), 16_000).unwrap();
        assert_eq!(mono.len(), 16_000);
        assert!(mono[4000..12_000].iter().all(|s| s.abs_diff(2000) < 20));
    }

    #[test]
    fn what_is_too_long_or_no_audio_is_refused() {
        let long = vec![0i16; (MAX_SECONDS + 1) * 8000];
        assert!(matches!(decode(&wav(8000, 1, &long), 16_000), Err(MediaError::RecordingTooLarge { .. })));
        assert!(matches!(decode(&vec![0; MAX_FILE + 1], 16_000), Err(MediaError::RecordingTooLarge { .. })));
        for junk in [&b""[..], b"RIFF", b"fLaC\0\0\0\0", b"not audio at all, just some text"] {
            assert!(decode(junk, 16_000).is_err());
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(64))]
        #[test]
        fn a_damaged_file_never_panics(cut in 0usize..2044, at in 0usize..2044, value: u8) {
            let mut file = wav(16_000, 1, &[500; 1000]);
            file[at] = value;
            file.truncate(cut);
            let _ = decode(&file, 16_000);
        }
    }
}
