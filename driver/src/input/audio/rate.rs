//! Samples at one rate → samples at another, without what the lower rate can't hold.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use crate::error::Error;

/// Samples that go through the transform at once, at least. More samples make a steeper filter.
const BLOCK: u32 = 1024;
/// Samples after conversion.
const LIMIT: usize = 1 << 26;

/// Band-limited conversion; a clip of n samples becomes one of ⌈n × to / from⌉.
///
/// # Errors
/// When there would be too many samples, or the rates can't be related.
pub fn convert(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>, Error> {
    let refuse = |cause: String| {
        Error::usage(format!("{from} samples per second can't be converted to {to}"))
            .note(cause)
            .hint("save the sound at the model's rate")
    };
    let length = (samples.len() as u64 * u64::from(to)).div_ceil(u64::from(from.max(1)));
    if length > LIMIT as u64 {
        return Err(refuse(format!("{length} samples would be more than {LIMIT}")));
    }
    let window = WindowFunction::BlackmanHarris2;
    let mut fft = Fft::<f32>::new_custom(from as usize, to as usize, block(from, to), 1, 1, window, FixedSync::Both)
        .map_err(|error| refuse(error.to_string()))?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| refuse(error.to_string()))?;
    let output = fft.process_all(&input, samples.len(), None).map_err(|error| refuse(error.to_string()))?;
    let mut converted = output.take_data();
    // The library multiplies by a rounded ratio: it can be off by one sample.
    converted.resize(usize::try_from(length).unwrap_or(LIMIT), 0.0);
    Ok(converted)
}

/// The smallest block from [`BLOCK`] samples on that becomes whole samples, an even number of times: the middle of
/// the filter, by which the library shifts the clip back, is then a sample at both rates.
fn block(from: u32, to: u32) -> usize {
    let (mut divisor, mut rest) = (from, to);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let unit = (from / divisor.max(1)).max(1);
    (unit as usize) * (BLOCK.div_ceil(unit).next_multiple_of(2) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone that is heard only in the middle of a second.
    fn tone(rate: u32, hertz: f64) -> Vec<f32> {
        let at = |i: u32| f64::from(i) / f64::from(rate);
        let swell = |time: f64| (-((time - 0.5) / 0.1).powi(2)).exp();
        (0..rate).map(|i| (swell(at(i)) * (at(i) * hertz * std::f64::consts::TAU).sin()) as f32).collect()
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_its_place() {
        for (from, to) in [
            (44_100, 16_000),
            (16_000, 48_000),
            (8_000, 16_000),
            (48_000, 16_000),
            (22_050, 48_000),
            (11_025, 16_000),
            (44_101, 16_000),
        ] {
            let got = convert(&tone(from, 440.0), from, to).expect("converts");
            let expected = tone(to, 440.0);
            assert_eq!(got.len(), expected.len(), "{from} → {to}");
            let worst = got.iter().zip(&expected).map(|(got, expected)| (got - expected).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-5, "{from} → {to}: {worst:e}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_left_out() {
        let got = convert(&tone(48_000, 12_000.0), 48_000, 16_000).expect("converts");
        let loudest = got.iter().fold(0.0, |loudest: f32, sample| loudest.max(sample.abs()));
        assert!(loudest < 1e-3, "{loudest}");
    }

    #[test]
    fn a_clip_of_one_sample_is_a_clip() {
        assert_eq!(convert(&[0.5], 44_100, 16_000).expect("converts").len(), 1);
        assert_eq!(convert(&[0.5], 8_000, 48_000).expect("converts").len(), 6);
        assert!(convert(&[0.0; 64], 1000, 384_000).is_ok());
    }
}
