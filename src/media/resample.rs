//! Changing the sample rate of a whole recording: the only place that names the crate `rubato`. Must not know codecs.

use dasp_sample::Sample;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use super::error::MediaError;

/// Frames a block. A long block keeps the passband flat to 3.8 kHz when going down to 8 kHz.
const BLOCK: usize = 4096;

/// The recording `samples` (mono, -1 to 1) at `from` Hz, converted to `to` Hz, of the same duration and without delay.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>, MediaError> {
    if from == to || samples.is_empty() {
        return Ok(samples.to_vec());
    }
    let error = |reason: String| MediaError::Resample { from, to, reason };
    let (rate_in, rate_out) = (from as usize, to as usize);
    let mut resampler =
        Fft::<f32>::new_custom(rate_in, rate_out, BLOCK, 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Input)
            .map_err(|e| error(e.to_string()))?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|e| error(e.to_string()))?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(|e| error(e.to_string()))?;
    Ok(output.take_data())
}

/// As [`resample`], from and to 16-bit samples; a value beyond full scale is clipped.
pub fn resample_pcm(samples: &[i16], from: u32, to: u32) -> Result<Vec<i16>, MediaError> {
    if from == to {
        return Ok(samples.to_vec());
    }
    let input: Vec<f32> = samples.iter().map(|sample| sample.to_sample()).collect();
    Ok(quantise(&resample(&input, from, to)?))
}

/// 16-bit samples of values from -1 to 1, rounded to the nearest and clipped.
pub fn quantise(samples: &[f32]) -> Vec<i16> {
    // A float-to-integer cast saturates, and makes zero of what is not a number.
    samples.iter().map(|s| (s * 32_768.0).round() as i16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, rate: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (0.5 * (n as f64 * frequency * std::f64::consts::TAU / rate).sin()) as f32).collect()
    }

    fn rms(samples: &[f32]) -> f64 {
        (samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn the_telephone_band_is_kept_and_what_lies_above_does_not_fold_back() {
        for frequency in [300.0, 1000.0, 3400.0, 3700.0] {
            let out = resample(&tone(frequency, 16_000.0, 16_000), 16_000, 8000).unwrap();
            assert_eq!(out.len(), 8000);
            let loss = 20.0 * (rms(&out[500..7500]) / (0.5 / 2f64.sqrt())).log10();
            assert!(loss.abs() < 0.5, "{frequency} Hz changed by {loss:.2} dB");
        }
        for frequency in [4300.0, 5000.0, 7000.0] {
            let out = resample(&tone(frequency, 16_000.0, 16_000), 16_000, 8000).unwrap();
            assert!(rms(&out[500..7500]) < 0.001, "{frequency} Hz folds back");
        }
    }

    #[test]
    fn the_recording_is_neither_delayed_nor_shortened() {
        let mut click = vec![0.0f32; 44_100];
        click[22_050] = 1.0;
        let out = resample(&click, 44_100, 16_000).unwrap();
        assert_eq!(out.len(), 16_000);
        let peak = (0..out.len()).max_by(|a, b| out[*a].total_cmp(&out[*b])).unwrap();
        assert!(peak.abs_diff(8000) <= 1, "peak at {peak}");
    }

    #[test]
    fn quantising_is_exact_for_16_bit_values_and_clips_the_rest() {
        assert_eq!(quantise(&[0.0, 1.0, -1.0, 2.0, f32::NAN, -1.0 / 32_768.0]), [0, 32_767, -32_768, 32_767, 0, -1]);
        assert!(resample_pcm(&[], 16_000, 8000).unwrap().is_empty());
    }
}
