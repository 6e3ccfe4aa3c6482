//! Sound as the recogniser correlates it: the last second of a stream, and how well a print fits a stretch of it.
//!
//! Pure arithmetic. Must not know what is reported when.

use super::prints::{Print, emphasised};

/// Samples kept of a stream at the least: 1 s.
pub const KEPT: usize = 8_000;
/// Samples a begin found by shapes may be off by.
pub const OFF_BY: i64 = 104;
/// The longest stretch looked at, in samples: 300 ms.
const LONGEST_LOOK: i64 = 2_400;
/// The shortest stretch looked at, unless the print is shorter: 100 ms.
const SHORTEST_LOOK: i64 = 800;
/// Correlation above which a print fits.
const FITS: f32 = 0.7;
/// Correlation above which it was heard from its opening.
const OPENS: f32 = 0.5;
/// Mean power below which there is nothing to correlate.
const QUIET: f32 = 900.0;

/// What was heard last.
#[derive(Default)]
pub struct Sound {
    begin: i64,
    plain: Vec<f32>,
    emphasised: Vec<f32>,
}

impl Sound {
    /// Adds samples (8 kHz).
    pub fn take(&mut self, samples: &[i16]) {
        let before = self.plain.last().copied().unwrap_or(0.0);
        let fresh: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
        self.emphasised.extend(emphasised(&fresh, before));
        self.plain.extend(fresh);
        let surplus = self.plain.len().saturating_sub(2 * KEPT);
        if surplus > 0 {
            self.plain.drain(..surplus);
            self.emphasised.drain(..surplus);
            self.begin += surplus as i64;
        }
    }

    /// One past the last sample, counted from the stream's first.
    pub fn end(&self) -> i64 {
        self.begin + self.plain.len() as i64
    }

    /// A stretch as it was heard, if it is still kept.
    pub fn plain(&self, from: i64, to: i64) -> Option<&[f32]> {
        self.plain.get(usize::try_from(from - self.begin).ok()?..usize::try_from(to - self.begin).ok()?)
    }

    /// A stretch with its upper half raised, if it is still kept.
    pub fn emphasised(&self, from: i64, to: i64) -> Option<&[f32]> {
        self.emphasised.get(usize::try_from(from - self.begin).ok()?..usize::try_from(to - self.begin).ok()?)
    }
}

/// How a stretch of sound and of a print go together.
pub enum Correlation {
    /// Both speak: 1 for the same, about 0 for unlike.
    Of(f32),
    /// Both are silent, or there is nothing to compare.
    Silence,
    /// One speaks and the other is silent.
    OnlyOneSpeaks,
}

/// Correlates the sound from `from` to `to` with a print's phase that began at a sample.
pub fn correlation(sound: &Sound, print: &Print, (phase, begin): (usize, i64), from: i64, to: i64) -> Correlation {
    let at = |position: i64| usize::try_from(position - begin).ok();
    let expected = print.phases.get(phase).zip(at(from).zip(at(to)));
    let expected = expected.and_then(|(samples, (from, to))| samples.get(from..to));
    let (Some(heard), Some(expected)) = (sound.emphasised(from, to), expected) else { return Correlation::Silence };
    // Eight sums side by side, so that the compiler may use vector instructions.
    let mut sums = [(0.0f32, 0.0f32, 0.0f32); 8];
    for (heard, expected) in heard.chunks_exact(8).zip(expected.chunks_exact(8)) {
        for ((product, heard_power, expected_power), (heard, expected)) in
            sums.iter_mut().zip(heard.iter().zip(expected))
        {
            let expected = f32::from(*expected);
            *product += heard * expected;
            *heard_power += heard * heard;
            *expected_power += expected * expected;
        }
    }
    let (product, heard_power, expected_power) =
        sums.iter().fold((0.0, 0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
    let quiet = QUIET * heard.len() as f32;
    match (heard_power > quiet, expected_power > quiet) {
        (true, true) => Correlation::Of(product / (heard_power * expected_power).sqrt()),
        (false, false) => Correlation::Silence,
        _ => Correlation::OnlyOneSpeaks,
    }
}

/// A print that fits.
pub struct Fit {
    /// The correlation.
    pub fit: f32,
    /// Which of the print's phases.
    pub phase: usize,
    /// The sample of the stream at which the print began.
    pub begin: i64,
    /// The first sample compared.
    pub since: i64,
}

/// Finds the begin near `begin` where a print fits best, looking at what was heard up to `now` but nothing before `explained`.
pub fn align(sound: &Sound, print: &Print, begin: i64, now: i64, explained: i64) -> Option<Fit> {
    let to = now.min(begin + print.voiced_end() - OFF_BY);
    let since = (begin + print.voiced_begin() + OFF_BY).max(to - LONGEST_LOOK).max(explained);
    if to - since < SHORTEST_LOOK.min((print.voiced_end() - print.voiced_begin()) / 2) {
        return None;
    }
    let fit = |phase: usize, begin: i64| match correlation(sound, print, (phase, begin), since, to) {
        Correlation::Of(fit) => Fit { fit, phase, begin, since },
        Correlation::Silence | Correlation::OnlyOneSpeaks => Fit { fit: 0.0, phase, begin, since },
    };
    let better = |a: Fit, b: Fit| if b.fit > a.fit { b } else { a };
    let whole = (begin - OFF_BY..=begin + OFF_BY).map(|begin| fit(0, begin)).reduce(better)?;
    // Half a sample away the odd phase may fit better.
    let beside = [fit(1, whole.begin - 1), fit(1, whole.begin)];
    let best = Some(beside.into_iter().fold(whole, better)).filter(|best| best.fit >= FITS)?;
    opens(sound, print, &best, to).then_some(best)
}

/// Whether the print was heard from its opening on: sentences recur at the end of other recordings, word for word. Only at
/// the begin of the stream may the phone have come too late for it.
fn opens(sound: &Sound, print: &Print, best: &Fit, to: i64) -> bool {
    let from = best.begin + print.voiced_begin();
    if from < 0 || best.since <= from + OFF_BY {
        return true;
    }
    let opening = correlation(sound, print, (best.phase, best.begin), from, to.min(from + LONGEST_LOOK));
    matches!(opening, Correlation::Of(fit) if fit >= OPENS)
}
