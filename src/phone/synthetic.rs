//! Sound for tests: something like speech, and what a telephone line makes of it.

use crate::media::g711::{alaw_decode, alaw_encode, ulaw_decode, ulaw_encode};

/// Something like speech at 16 kHz: a gliding voice through two gliding formants, syllable after syllable, from a seed.
pub fn speech(seed: u64, syllables: usize) -> Vec<i16> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move |low: f32, high: f32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        low + (high - low) * (state % 10_000) as f32 / 10_000.0
    };
    let mut samples = vec![0i16; 800];
    let mut formants = [random(250.0, 900.0), random(900.0, 2600.0)];
    for _ in 0..syllables {
        let next = [random(250.0, 900.0), random(900.0, 2600.0)];
        let (length, from, to) = (random(2000.0, 3600.0) as usize, random(170.0, 250.0), random(150.0, 240.0));
        let mut turn = 0.0f32;
        for at in 0..length {
            let place = at as f32 / length as f32;
            let pitch = from + (to - from) * place;
            turn += std::f32::consts::TAU * pitch / 16_000.0;
            let envelope = (std::f32::consts::PI * place).sin().sqrt();
            let mut value = 0.0;
            for harmonic in 1..=(3600.0 / pitch) as usize {
                let hertz = pitch * harmonic as f32;
                let gain: f32 = formants
                    .iter()
                    .zip(&next)
                    .map(|(a, b)| {
                        let centre = a + (b - a) * place;
                        1.0 / (1.0 + ((hertz - centre) / 90.0).powi(2))
                    })
                    .sum();
                value += (gain + 0.01) * (turn * harmonic as f32).sin();
            }
            samples.push((value * envelope * 5000.0) as i16);
        }
        formants = next;
    }
    samples.extend([0; 1600]);
    samples
}

/// What a server sends: resampled by another filter than the prints', half a sample off, through a law.
pub fn over_the_line(samples: &[i16], mu_law: bool) -> Vec<i16> {
    let tap = |at: i32| {
        let x = at as f32 - 0.5;
        let angle = std::f32::consts::PI * x / 2.0;
        (angle.sin() / angle) * 0.5 * (0.42 + 0.5 * (x * 0.098).cos() + 0.08 * (x * 0.196).cos())
    };
    let code = |sample: f32| {
        let sample = sample as i16;
        if mu_law { ulaw_decode(ulaw_encode(sample)) } else { alaw_decode(alaw_encode(sample)) }
    };
    let get =
        |at: i64| usize::try_from(at).ok().and_then(|at| samples.get(at)).map_or(0.0, |sample| f32::from(*sample));
    let filtered =
        (0..samples.len() as i64 / 2).map(|at| (-31..=32).map(|k| tap(k) * get(2 * at + i64::from(k))).sum::<f32>());
    filtered.map(code).collect()
}
