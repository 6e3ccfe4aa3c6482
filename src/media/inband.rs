//! DTMF tones in the audio itself (ITU-T Q.23 and Q.24), by Goertzel filters. Pure; must not know codecs or packets.
//!
//! Audio is looked at through a window of 12.75 ms that moves by half of itself. A window is a hit if one low and one high
//! tone stand out: loud enough, within the twist allowed, above their neighbours, and carrying most of the power. Four hits
//! in a row (32 ms) are a digit if the two tones were steady over all of that time. Speech hardly ever is.

use super::digit::Digit;

/// The tones of the keypad's rows, then of its columns, in Hz.
const TONES: [f64; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];
/// The keys, row by row.
const KEYPAD: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Half a window, in samples at 8 kHz.
const HALF_WINDOW: usize = 51;
/// Windows in a row that make a digit: what a 40 ms tone holds, however it falls.
const HITS: u8 = 4;
/// Windows in a row without the digit that end it: what a 40 ms pause holds.
const MISSES: u8 = 4;

/// The least amplitude of each tone: about -32 dBm0.
const MIN_AMPLITUDE: f64 = 560.0;
/// How much stronger the high tone may be: 4 dB. Telephone lines take from the high tone, so it is seldom stronger.
const MAX_TWIST: f64 = 2.5;
/// How much stronger the low tone may be: 8 dB.
const MAX_REVERSE_TWIST: f64 = 6.3;
/// How far a tone stands above the others of its group: 6 dB.
const MIN_PEAK: f64 = 4.0;
/// The part of the window's power that the two tones carry.
const MIN_SHARE: f64 = 0.75;
/// The part of the power of a whole digit that two steady tones carry.
const MIN_STEADY_SHARE: f64 = 0.8;
/// Where a tone may lie, as factors on its frequency: Q.24 allows 1.5 % either way.
const DETUNED: [f64; 4] = [0.985, 0.995, 1.005, 1.015];

/// Finds the digits in one stream of audio.
pub struct InbandDetector {
    /// As many halves of a window as a digit takes, the one being filled last.
    window: Vec<f64>,
    half: usize,
    /// Radians a sample, of 1 Hz.
    step: f64,
    filled: usize,
    candidate: Option<Digit>,
    hits: u8,
    held: Option<Digit>,
    misses: u8,
}

impl InbandDetector {
    /// A detector for audio at `sample_rate` Hz: 8000 or a multiple of it.
    pub fn new(sample_rate: u32) -> Self {
        let half = HALF_WINDOW * (sample_rate as usize / 8000).max(1);
        let whole = half * (usize::from(HITS) + 1);
        Self {
            window: vec![0.0; whole],
            half,
            step: std::f64::consts::TAU / f64::from(sample_rate),
            filled: whole - half,
            candidate: None,
            hits: 0,
            held: None,
            misses: 0,
        }
    }

    /// Takes the next samples, however many, and tells each digit that became certain, once a press.
    pub fn push(&mut self, samples: &[i16], mut digit: impl FnMut(Digit)) {
        for sample in samples {
            if let Some(slot) = self.window.get_mut(self.filled) {
                *slot = f64::from(*sample);
            }
            self.filled += 1;
            if self.filled >= self.window.len() {
                let heard = self.digit_in_window();
                if let Some(found) = self.advance(heard) {
                    digit(found);
                }
                self.window.copy_within(self.half.., 0);
                self.filled -= self.half;
            }
        }
    }

    /// Follows presses from window to window.
    fn advance(&mut self, heard: Option<Digit>) -> Option<Digit> {
        if heard.is_some() && heard == self.held {
            self.misses = 0;
            return None;
        }
        self.misses = self.misses.saturating_add(1);
        if self.misses >= MISSES {
            self.held = None;
        }
        self.hits = if heard.is_some() && heard == self.candidate { self.hits.saturating_add(1) } else { 1 };
        self.candidate = heard;
        let certain = heard.filter(|digit| self.hits >= HITS && self.is_steady(*digit))?;
        self.held = heard;
        self.misses = 0;
        Some(certain)
    }

    /// The digit of the last two halves.
    fn digit_in_window(&self) -> Option<Digit> {
        let window = self.window.get(self.window.len().checked_sub(2 * self.half)?..)?;
        let length = window.len() as f64;
        let total = energy(window);
        let loud_enough = (MIN_AMPLITUDE * length / 2.0).powi(2);
        if total * length < loud_enough {
            return None;
        }
        let powers = TONES.map(|tone| goertzel(window, tone * self.step));
        let (low, high) = powers.split_at(4);
        let (row, low) = standing_out(low)?;
        let (column, high) = standing_out(high)?;
        let twisted = high > low * MAX_TWIST || low > high * MAX_REVERSE_TWIST;
        if low.min(high) < loud_enough || twisted || share(low + high, window.len(), total) < MIN_SHARE {
            return None;
        }
        Digit::from_char(*KEYPAD.get(row)?.get(column)?)
    }

    /// Whether the tones of `digit` kept frequency and phase over everything in the window.
    fn is_steady(&self, digit: Digit) -> bool {
        let Some((row, column)) = place(digit.as_char()) else { return false };
        let power = |tone: usize| {
            let tone = TONES.get(tone).copied().unwrap_or_default();
            DETUNED.iter().map(|factor| goertzel(&self.window, tone * factor * self.step)).fold(0.0, f64::max)
        };
        share(power(row) + power(4 + column), self.window.len(), energy(&self.window)) >= MIN_STEADY_SHARE
    }
}

/// Row and column of a key.
fn place(key: char) -> Option<(usize, usize)> {
    KEYPAD.iter().enumerate().find_map(|(row, keys)| Some((row, keys.iter().position(|k| *k == key)?)))
}

fn energy(window: &[f64]) -> f64 {
    window.iter().map(|sample| sample * sample).sum()
}

/// The part of a window's energy that lies in tones of that filter power: a tone of amplitude A gives (A N / 2)² of filter
/// power, and A² N / 2 of energy.
fn share(power: f64, samples: usize, energy: f64) -> f64 {
    power * 2.0 / samples as f64 / energy
}

/// The power of `window` at a frequency in radians a sample.
fn goertzel(window: &[f64], frequency: f64) -> f64 {
    let coefficient = 2.0 * frequency.cos();
    let (last, before) =
        window.iter().fold((0.0, 0.0), |(last, before), sample| (sample + coefficient * last - before, last));
    last * last + before * before - coefficient * last * before
}

/// The index and power of the strongest of a group, if it stands above all the others.
fn standing_out(group: &[f64]) -> Option<(usize, f64)> {
    let (index, power) = group.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let alone = group.iter().enumerate().all(|(other, p)| other == index || p * MIN_PEAK <= power);
    alone.then_some((index, power))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `millis` of the tones of `key` at 8 kHz: amplitudes of the low and the high tone, and a factor on both frequencies.
    pub fn tone_at(key: char, millis: usize, rate: usize, low: f64, high: f64, detune: f64) -> Vec<i16> {
        let (row, column) = place(key).unwrap();
        let step = std::f64::consts::TAU * detune / rate as f64;
        (0..millis * rate / 1000)
            .map(|n| {
                let n = n as f64;
                (low * (n * TONES[row] * step).sin() + high * (n * TONES[4 + column] * step + 1.0).sin()) as i16
            })
            .collect()
    }

    fn tone(key: char, millis: usize) -> Vec<i16> {
        tone_at(key, millis, 8000, 6000.0, 6000.0, 1.0)
    }

    fn silence(millis: usize) -> Vec<i16> {
        vec![0; millis * 8]
    }

    fn heard_at(rate: u32, audio: &[i16]) -> String {
        let mut detector = InbandDetector::new(rate);
        let mut keys = String::new();
        for packet in audio.chunks(160) {
            detector.push(packet, |digit| keys.push(digit.as_char()));
        }
        keys
    }

    fn heard(audio: &[i16]) -> String {
        heard_at(8000, audio)
    }

    /// A repeatable stream of numbers from -1 to 1.
    fn noise() -> impl FnMut() -> f64 {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        }
    }

    #[test]
    fn every_key_of_40_ms_with_40_ms_between_is_heard_however_it_falls() {
        let keys = "123A456B789C*0#D1122";
        for offset in 0..51 {
            let mut audio = vec![0; offset];
            for key in keys.chars() {
                audio.extend(tone(key, 40));
                audio.extend(silence(40));
            }
            assert_eq!(heard(&audio), keys, "offset {offset}");
        }
    }

    #[test]
    fn a_long_press_is_one_digit_and_survives_a_short_dropout() {
        let audio = [tone('5', 500), silence(10), tone('5', 500), silence(50), tone('5', 60)].concat();
        assert_eq!(heard(&audio), "55");
    }

    #[test]
    fn tolerances_of_q24_are_met() {
        for key in "159D".chars() {
            for detune in [0.985, 1.015] {
                assert_eq!(heard(&tone_at(key, 60, 8000, 6000.0, 6000.0, detune)), key.to_string(), "{detune}");
            }
            assert_eq!(heard(&tone_at(key, 60, 8000, 6000.0, 3000.0, 1.0)), key.to_string(), "low tone 6 dB stronger");
            assert_eq!(heard(&tone_at(key, 60, 8000, 5000.0, 7000.0, 1.0)), key.to_string(), "high tone 3 dB stronger");
            assert_eq!(heard(&tone_at(key, 60, 8000, 800.0, 800.0, 1.0)), key.to_string(), "quiet");
        }
        assert_eq!(heard(&tone('5', 20)), "", "20 ms is no digit");
        assert_eq!(heard(&tone_at('5', 60, 8000, 300.0, 300.0, 1.0)), "", "too quiet");
        assert_eq!(heard(&tone_at('5', 60, 8000, 8000.0, 1500.0, 1.0)), "", "twisted beyond the limit");
        assert_eq!(heard(&tone_at('5', 60, 8000, 6000.0, 0.0, 1.0)), "", "one tone alone");
    }

    #[test]
    fn digits_are_heard_at_16_khz_and_through_noise_and_companding() {
        assert_eq!(heard_at(16_000, &tone_at('7', 60, 16_000, 6000.0, 6000.0, 1.0)), "7");
        let mut random = noise();
        let noisy: Vec<i16> = [tone('8', 80), silence(60), tone('3', 80)]
            .concat()
            .into_iter()
            .map(|s| s.saturating_add((random() * 1500.0) as i16))
            .map(|s| crate::media::g711::ulaw_decode(crate::media::g711::ulaw_encode(s)))
            .collect();
        assert_eq!(heard(&noisy), "83");
    }

    #[test]
    fn noise_and_single_tones_are_no_digits() {
        let mut random = noise();
        let white: Vec<i16> = (0..8000 * 60).map(|_| (random() * 12_000.0) as i16).collect();
        assert_eq!(heard(&white), "");
        let sweep: Vec<i16> = (0..8000 * 60)
            .map(|n| {
                let t = f64::from(n) / 8000.0;
                (9000.0 * (std::f64::consts::TAU * (200.0 * t + 25.0 * t * t)).sin()) as i16
            })
            .collect();
        assert_eq!(heard(&sweep), "");
    }

    #[test]
    fn five_minutes_of_speech_like_sound_are_no_digits() {
        // Voiced sound: harmonics of a wandering pitch, weaker upwards, through wandering formants, in syllables.
        let mut random = noise();
        let (mut pitch, mut formants, mut phase) = (140.0, [500.0, 1500.0], 0.0);
        let mut audio = Vec::new();
        for syllable in 0..1500 {
            let goal =
                (90.0 + 110.0 * random().abs(), [300.0 + 500.0 * random().abs(), 900.0 + 1300.0 * random().abs()]);
            for n in 0..1600 {
                pitch += (goal.0 - pitch) * 0.001;
                formants[0] += (goal.1[0] - formants[0]) * 0.002;
                formants[1] += (goal.1[1] - formants[1]) * 0.002;
                phase += std::f64::consts::TAU * pitch / 8000.0;
                let envelope = (std::f64::consts::PI * f64::from(n) / 1600.0).sin();
                let voiced: f64 = (1..20)
                    .map(|harmonic| {
                        let frequency = pitch * f64::from(harmonic);
                        let resonance = |formant: &f64| 1.0 / (1.0 + ((frequency - formant) / 80.0).powi(2));
                        let gain = 0.1 + formants.iter().map(resonance).sum::<f64>();
                        gain / f64::from(harmonic).sqrt() * (phase * f64::from(harmonic)).sin()
                    })
                    .sum();
                let breath = if syllable % 4 == 0 { random() * 0.3 } else { random() * 0.02 };
                audio.push((9000.0 * envelope * (voiced + breath)).clamp(-32_000.0, 32_000.0) as i16);
            }
        }
        assert_eq!(heard(&audio), "");
    }
}
