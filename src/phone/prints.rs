//! What the prompts sound like over a telephone line: the library the recogniser listens for.
//!
//! Pure: recordings in, prints out. Must not know streams or where recordings are kept.

use super::spectrum::{Analyser, FRAME, Shape};
use crate::vocab::{Language, PromptId};

/// Samples at 8 kHz between two frames of a print: 20 ms.
pub const PRINT_HOP: usize = 160;
/// A recording longer than this is cut, in samples at 16 kHz: 30 s.
const LONGEST: usize = 30 * 16_000;

/// Reach of the half-band filter to either side, in samples at 16 kHz.
const REACH: usize = 15;

/// Emphasis of the upper half: without it the voice's fundamental would make different words alike.
pub const EMPHASIS: f32 = 0.7;

/// Prints of a set of recordings.
#[derive(Default)]
pub struct PromptPrints {
    pub(super) prints: Vec<Print>,
}

/// One recording as a telephone line carries it.
pub(super) struct Print {
    pub(super) language: Language,
    pub(super) id: PromptId,
    /// The recording at 8 kHz, emphasised, taken at the even and at the odd samples of 16 kHz: half a sample apart.
    pub(super) phases: [Vec<i16>; 2],
    /// Shapes of the frames, one a hop.
    pub(super) shapes: Vec<Option<Shape>>,
    /// First and one past the last frame that is not silent.
    pub(super) voiced: std::ops::Range<usize>,
    /// How many frames are not silent.
    pub(super) voiced_frames: usize,
}

impl PromptPrints {
    /// Prints of recordings: language, id and samples at 16 kHz, mono. Takes about 1 ms a second of sound in a release build.
    pub fn new<S: AsRef<[i16]>>(recordings: impl IntoIterator<Item = (Language, PromptId, S)>) -> Self {
        let analyser = Analyser::default();
        let print = |(language, id, samples): (Language, PromptId, S)| {
            let samples = samples.as_ref();
            Print::new(&analyser, language, id, samples.get(..LONGEST.min(samples.len())).unwrap_or_default())
        };
        Self { prints: recordings.into_iter().map(print).filter(|print| print.voiced_frames > 0).collect() }
    }

    /// How many recordings can be recognised.
    pub fn len(&self) -> usize {
        self.prints.len()
    }

    /// Whether nothing can be recognised.
    pub fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }
}

impl Print {
    fn new(analyser: &Analyser, language: Language, id: PromptId, samples: &[i16]) -> Self {
        let narrow = half_band(samples);
        let phase = |skip: usize| narrow.iter().skip(skip).step_by(2).copied().collect::<Vec<f32>>();
        let even = phase(0);
        let shapes: Vec<Option<Shape>> =
            even.windows(FRAME).step_by(PRINT_HOP).map(|frame| analyser.shape(frame)).collect();
        let first = shapes.iter().position(Option::is_some).unwrap_or(0);
        let last = shapes.iter().rposition(Option::is_some).map_or(0, |at| at + 1);
        let voiced_frames = shapes.iter().flatten().count();
        let phases = [even, phase(1)].map(|samples| emphasised(&samples, 0.0).map(|sample| sample as i16).collect());
        Self { language, id, phases, shapes, voiced: first..last, voiced_frames }
    }

    /// First sample of speech, at 8 kHz.
    pub(super) fn voiced_begin(&self) -> i64 {
        (self.voiced.start * PRINT_HOP) as i64
    }

    /// One past the last sample of speech.
    pub(super) fn voiced_end(&self) -> i64 {
        (self.voiced.end.saturating_sub(1) * PRINT_HOP + FRAME) as i64
    }
}

/// The samples with their upper half raised; `before` is the sample before the first.
pub(super) fn emphasised(samples: &[f32], before: f32) -> impl Iterator<Item = f32> {
    let earlier = std::iter::once(before).chain(samples.iter().copied());
    samples.iter().zip(earlier).map(|(sample, earlier)| sample - EMPHASIS * earlier)
}

/// The recording without what 8 kHz cannot carry, still at 16 kHz.
fn half_band(samples: &[i16]) -> Vec<f32> {
    // Windowed sinc (Hamming): flat to 3.2 kHz, half at 4 kHz. The even taps beside the middle are 0.
    let tap = |distance: usize| {
        let angle = std::f32::consts::PI * distance as f32;
        (angle / 2.0).sin() / angle * (0.54 + 0.46 * (angle / REACH as f32).cos())
    };
    let taps: Vec<f32> = (1..=REACH).step_by(2).map(tap).collect();
    let mut padded = vec![0.0; REACH];
    padded.extend(samples.iter().map(|sample| f32::from(*sample)));
    padded.extend([0.0; REACH]);
    let filtered = |window: &[f32]| {
        let (left, rest) = window.split_at_checked(REACH)?;
        let (middle, right) = rest.split_first()?;
        let sides = left.iter().rev().step_by(2).zip(right.iter().step_by(2)).zip(&taps);
        Some(0.5 * middle + sides.map(|((before, after), tap)| (before + after) * tap).sum::<f32>())
    };
    padded.windows(2 * REACH + 1).filter_map(filtered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f32) -> Vec<i16> {
        (0..16_000).map(|at| (8000.0 * (std::f32::consts::TAU * hertz * at as f32 / 16_000.0).sin()) as i16).collect()
    }

    fn rms(samples: &[f32]) -> f32 {
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn the_filter_passes_speech_and_stops_what_would_fold_back() {
        let level = |hertz| rms(&half_band(&tone(hertz))) / (8000.0 / 2f32.sqrt());
        for passed in [100.0, 1000.0, 3000.0] {
            assert!((level(passed) - 1.0).abs() < 0.03, "{passed} Hz: {}", level(passed));
        }
        for stopped in [5200.0, 6000.0, 7500.0] {
            assert!(level(stopped) < 0.03, "{stopped} Hz: {}", level(stopped));
        }
    }

    #[test]
    fn silence_is_not_a_print_and_its_margins_are_known() {
        let mut samples = vec![0; 1600];
        samples.extend(tone(1000.0));
        samples.extend([0; 3200]);
        let recordings = [
            (Language::ENGLISH, "tone".parse().unwrap(), samples),
            (Language::ENGLISH, "nothing".parse().unwrap(), vec![0; 16_000]),
        ];
        let prints = PromptPrints::new(recordings);
        assert_eq!(prints.len(), 1);
        let print = &prints.prints[0];
        assert!((2..=5).contains(&print.voiced.start) && (53..=56).contains(&print.voiced.end), "{:?}", print.voiced);
    }
}
