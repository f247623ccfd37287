//! A sound for models that hear, where the user gives none.

use std::f32::consts::TAU;

/// So long, if nobody says how long.
pub const SECONDS: u32 = 5;

/// Mono samples: tones that rise and fade like syllables, over faint noise. Always the same, and never silent, so that
/// every band of a spectrum has something to tell.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "sample numbers stay far below 2^24 at the rates models have")]
pub fn made_up(rate: u32, seconds: u32) -> Vec<f32> {
    let mut noise: u32 = 1;
    let sample = |index: u32| {
        let time = index as f32 / rate as f32;
        // Xorshift (Marsaglia 2003)
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let syllable = 0.5 - 0.5 * (TAU * 3.0 * time).cos();
        let tone = |pitch: f32, share: f32| share * (TAU * pitch * time).sin();
        let voice = tone(140.0, 0.4) + tone(890.0 + 30.0 * (TAU * time).sin(), 0.2) + tone(2600.0, 0.1);
        syllable * voice + (noise as f32 / u32::MAX as f32 - 0.5) * 0.02
    };
    (0..rate.saturating_mul(seconds)).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_loud_but_not_clipped_and_always_the_same() {
        let sound = made_up(16_000, 2);
        assert_eq!(sound.len(), 32_000);
        let loudest = sound.iter().copied().map(f32::abs).fold(0.0, f32::max);
        assert!(loudest > 0.3 && loudest < 1.0, "{loudest}");
        assert_eq!(made_up(16_000, 1), sound[..16_000]);
    }
}
