//! The shape of a short piece of sound: what the recogniser compares first, being blind to level and small shifts.
//!
//! Pure arithmetic. Must not know prompts or streams.

use dasp_window::{Hanning, Window};

/// Samples of one frame: 32 ms at 8 kHz.
pub const FRAME: usize = 256;
/// Bands between 150 and 3500 Hz, equally wide on the mel scale.
pub const BANDS: usize = 16;
/// What a shape compared with itself gives.
pub const SAME: i32 = 1_000_000;

/// Band energies of one frame in decibels, their mean taken off, scaled so that a shape's product with itself is [`SAME`].
pub type Shape = [i16; BANDS];

/// A frame quieter than this (RMS, of 32768) has no shape: -50 dB.
const SILENCE_RMS: f32 = 104.0;
/// Bands weaker than the frame by more than this carry quantisation noise, not speech: -35 dB.
const FLOOR: f32 = 3.2e-4;

/// How alike two shapes are: [`SAME`] for the same, around 0 for unlike.
pub fn likeness(a: &Shape, b: &Shape) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// The tables of the transform.
pub struct Analyser {
    window: Vec<f32>,
    twiddles: Vec<(f32, f32)>,
    /// Band of each output, in the transform's (bit-reversed) order.
    band_of: Vec<Option<usize>>,
}

impl Default for Analyser {
    fn default() -> Self {
        let turn = |k: usize| std::f32::consts::TAU * k as f32 / FRAME as f32;
        let bits = FRAME.trailing_zeros();
        let mel = |hertz: f32| 2595.0 * (1.0 + hertz / 700.0).log10();
        let (low, high) = (mel(150.0), mel(3500.0));
        let band = |bin: usize| {
            let place = (mel(bin as f32 * 8000.0 / FRAME as f32) - low) / (high - low);
            (bin <= FRAME / 2 && (0.0..1.0).contains(&place)).then_some((place * BANDS as f32) as usize)
        };
        Self {
            window: (0..FRAME).map(|k| Hanning::window(k as f32 / FRAME as f32)).collect(),
            twiddles: (0..FRAME / 2).map(|k| (turn(k).cos(), -turn(k).sin())).collect(),
            band_of: (0..FRAME).map(|at| band(at.reverse_bits() >> (usize::BITS - bits))).collect(),
        }
    }
}

impl Analyser {
    /// The shape of [`FRAME`] samples (of ±32768); nothing for silence.
    pub fn shape(&self, frame: &[f32]) -> Option<Shape> {
        let energy: f32 = frame.iter().map(|sample| sample * sample).sum();
        if frame.len() != FRAME || energy < SILENCE_RMS * SILENCE_RMS * FRAME as f32 {
            return None;
        }
        let mut re: Vec<f32> = frame.iter().zip(&self.window).map(|(sample, weight)| sample * weight).collect();
        let mut im = vec![0.0; FRAME];
        transform(&mut re, &mut im, &self.twiddles, 1);
        let mut bands = [0.0f32; BANDS];
        for ((re, im), band) in re.iter().zip(&im).zip(&self.band_of) {
            if let Some(sum) = band.and_then(|band| bands.get_mut(band)) {
                *sum += re * re + im * im;
            }
        }
        let floor = bands.iter().sum::<f32>() * FLOOR + 1.0;
        let levels = bands.map(|band| (band + floor).log10());
        let mean = levels.iter().sum::<f32>() / BANDS as f32;
        let length = levels.iter().map(|level| (level - mean).powi(2)).sum::<f32>().sqrt().max(1e-3);
        Some(levels.map(|level| ((level - mean) / length * 1000.0) as i16))
    }
}

/// Radix-2 Fourier transform, decimation in frequency: the output is in bit-reversed order.
fn transform(re: &mut [f32], im: &mut [f32], twiddles: &[(f32, f32)], step: usize) {
    let half = re.len() / 2;
    if half == 0 {
        return;
    }
    let ((re_low, re_high), (im_low, im_high)) = (re.split_at_mut(half), im.split_at_mut(half));
    let pairs = re_low.iter_mut().zip(re_high.iter_mut()).zip(im_low.iter_mut().zip(im_high.iter_mut()));
    for (((re_a, re_b), (im_a, im_b)), (cos, sin)) in pairs.zip(twiddles.iter().step_by(step)) {
        let (re_difference, im_difference) = (*re_a - *re_b, *im_a - *im_b);
        *re_a += *re_b;
        *im_a += *im_b;
        *re_b = re_difference * cos - im_difference * sin;
        *im_b = re_difference * sin + im_difference * cos;
    }
    transform(re_low, im_low, twiddles, step * 2);
    transform(re_high, im_high, twiddles, step * 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f32, peak: f32) -> Vec<f32> {
        (0..FRAME).map(|at| peak * (std::f32::consts::TAU * hertz * at as f32 / 8000.0).sin()).collect()
    }

    #[test]
    fn a_tone_stands_out_in_its_band_whatever_its_level() {
        let analyser = Analyser::default();
        let peak_band = |hertz, peak| {
            let shape = analyser.shape(&tone(hertz, peak)).unwrap();
            (0..BANDS).max_by_key(|band| shape[*band]).unwrap()
        };
        let bands: Vec<usize> = [200.0, 500.0, 1000.0, 2000.0, 3300.0].map(|hertz| peak_band(hertz, 8000.0)).into();
        assert!(bands.windows(2).all(|pair| pair[0] < pair[1]), "{bands:?}");
        assert_eq!(peak_band(1000.0, 8000.0), peak_band(1000.0, 800.0));
    }

    #[test]
    fn shapes_are_like_themselves_and_unlike_others() {
        let analyser = Analyser::default();
        let (low, high) =
            (analyser.shape(&tone(400.0, 9000.0)).unwrap(), analyser.shape(&tone(2500.0, 9000.0)).unwrap());
        let quieter = analyser.shape(&tone(400.0, 900.0)).unwrap();
        assert!(likeness(&low, &quieter) > SAME * 95 / 100);
        assert!(likeness(&low, &high) < SAME / 2);
    }

    #[test]
    fn silence_has_no_shape() {
        assert!(Analyser::default().shape(&tone(1000.0, 50.0)).is_none());
        assert!(Analyser::default().shape(&[0.0; 10]).is_none());
    }
}
