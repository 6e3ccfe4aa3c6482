//! G.711 µ-law and A-law, bit-exact to the ITU-T software tool library (G.191).
//!
//! Pure arithmetic on single samples. Must not know packets, prompts or negotiation.
//!
//! Samples are 16-bit linear; the law keeps the upper 14 bits (µ-law) or 13 bits (A-law) of them.
//! A negative sample is folded with its one's complement, as G.191 does, so -1 is the negative zero.

/// The µ-law bias in 14-bit units: it makes the segment the position of the leading one.
const ULAW_BIAS: u16 = 33;
/// The largest biased 14-bit magnitude µ-law can hold.
const ULAW_CLIP: u16 = 0x1FFF;
/// A-law inverts every even bit so that silence has transitions on the line (G.711 section 3.2).
const ALAW_EVEN_BITS: u8 = 0x55;

/// µ-law code of `0`: what silence sounds like.
pub const ULAW_SILENCE: u8 = 0xFF;
/// A-law code of the smallest positive value: what silence sounds like.
pub const ALAW_SILENCE: u8 = 0xD5;

/// One's-complement magnitude and whether the sample is not negative.
const fn fold(sample: i16) -> (u16, bool) {
    if sample < 0 { (!sample as u16, false) } else { (sample as u16, true) }
}

/// Compresses one linear sample to µ-law (G.711 table 2).
pub const fn ulaw_encode(sample: i16) -> u8 {
    let (magnitude, positive) = fold(sample);
    let mut biased = (magnitude >> 2) + ULAW_BIAS;
    if biased > ULAW_CLIP {
        biased = ULAW_CLIP;
    }
    // The bias puts the leading one at bit 5 or above, up to bit 12.
    let segment = 10 - biased.leading_zeros() as u16;
    let step = (biased >> (segment + 1)) & 0x0F;
    let code = ((segment << 4) | step) as u8;
    let sign = if positive { 0x80 } else { 0 };
    (!code & 0x7F) | sign
}

/// Expands one µ-law code to a linear sample.
pub const fn ulaw_decode(code: u8) -> i16 {
    let inverted = !code;
    let segment = (inverted >> 4) & 0x07;
    let step = (inverted & 0x0F) as i16;
    // The middle of the interval, then the bias taken off again, in 16-bit units.
    let magnitude = (((2 * step + ULAW_BIAS as i16) << segment) - ULAW_BIAS as i16) << 2;
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// Compresses one linear sample to A-law (G.711 table 1).
pub const fn alaw_encode(sample: i16) -> u8 {
    let (magnitude, positive) = fold(sample);
    let level = magnitude >> 4;
    let code = if level < 32 {
        // The two lowest segments have the same step, so the level is its own code.
        level as u8
    } else {
        let segment = 12 - level.leading_zeros() as u16;
        let step = (level >> (segment - 1)) & 0x0F;
        ((segment << 4) | step) as u8
    };
    let sign = if positive { 0x80 } else { 0 };
    (code | sign) ^ ALAW_EVEN_BITS
}

/// Expands one A-law code to a linear sample.
pub const fn alaw_decode(code: u8) -> i16 {
    let plain = (code ^ ALAW_EVEN_BITS) & 0x7F;
    let segment = plain >> 4;
    let step = (plain & 0x0F) as i16;
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 table 2a: the first decision value (14-bit units) of each positive segment, and its step.
    const ULAW_SEGMENTS: [(i32, i32); 8] =
        [(-1, 2), (31, 4), (95, 8), (223, 16), (479, 32), (991, 64), (2015, 128), (4063, 256)];

    /// G.711 table 1a: the first decision value (13-bit units, 4096 = full scale) of each positive segment, and its step.
    const ALAW_SEGMENTS: [(i32, i32); 8] =
        [(0, 2), (32, 2), (64, 4), (128, 8), (256, 16), (512, 32), (1024, 64), (2048, 128)];

    #[test]
    fn every_ulaw_code_expands_to_the_value_of_the_recommendation() {
        // Values of table 2a, 14-bit, at both ends and inside: code without sign inversion -> value.
        for (code, value) in [(0xFF, 0), (0xFE, 2), (0xF0, 30), (0xEF, 33), (0xE0, 93), (0xDF, 99), (0xD0, 219)] {
            assert_eq!(i32::from(ulaw_decode(code)), value * 4, "{code:#x}");
        }
        for (code, value) in [(0x8F, 4191), (0x80, 8031), (0x9F, 2079), (0xAF, 1023), (0xBF, 495), (0xCF, 231)] {
            assert_eq!(i32::from(ulaw_decode(code)), value * 4, "{code:#x}");
            assert_eq!(i32::from(ulaw_decode(code ^ 0x80)), -value * 4, "{code:#x}");
        }
    }

    #[test]
    fn every_alaw_code_expands_to_the_value_of_the_recommendation() {
        for (code, value) in [(0xD5u8, 1), (0xD4, 3), (0xC5, 33), (0xF5, 66), (0xAA, 4032), (0xA5, 2112), (0x80, 688)] {
            // Table 1a counts in units of 1/4096 of full scale: eight 16-bit steps each.
            assert_eq!(i32::from(alaw_decode(code)), value * 8, "{code:#x}");
            assert_eq!(i32::from(alaw_decode(code ^ 0x80)), -value * 8, "{code:#x}");
        }
    }

    /// The code a table of segments gives, written as the recommendation draws it: search, then count steps.
    fn by_table(segments: &[(i32, i32); 8], value: i32) -> u8 {
        let segment = segments.iter().rposition(|(first, _)| value >= *first).unwrap();
        let (first, step) = segments[segment];
        let interval = ((value - first) / step).min(15);
        u8::try_from(segment).unwrap() << 4 | u8::try_from(interval).unwrap()
    }

    #[test]
    fn every_sample_compresses_by_the_decision_values_of_the_recommendation() {
        for sample in i16::MIN..=i16::MAX {
            let magnitude = i32::from(if sample < 0 { !sample } else { sample });
            let sign = if sample < 0 { 0 } else { 0x80 };
            let ulaw = (by_table(&ULAW_SEGMENTS, magnitude >> 2) ^ 0x7F) | sign;
            assert_eq!(ulaw_encode(sample), ulaw, "µ-law of {sample}");
            let alaw = (by_table(&ALAW_SEGMENTS, magnitude >> 3) | sign) ^ 0x55;
            assert_eq!(alaw_encode(sample), alaw, "A-law of {sample}");
        }
    }

    #[test]
    fn a_code_survives_expansion_and_compression() {
        for code in 0..=u8::MAX {
            assert_eq!(alaw_encode(alaw_decode(code)), code);
            // µ-law has a negative zero, whose value is plain zero.
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(ulaw_encode(ulaw_decode(code)), expected);
        }
    }

    #[test]
    fn silence_is_the_code_of_zero() {
        assert_eq!((ulaw_encode(0), alaw_encode(0)), (ULAW_SILENCE, ALAW_SILENCE));
        assert_eq!((ulaw_encode(-1), alaw_encode(-1)), (0x7F, 0x55));
    }
}
