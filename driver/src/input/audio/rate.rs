//! Samples at one rate → samples at another, without what the lower rate can't hold.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use crate::error::Error;

/// Samples that go through the transform at once.
const CHUNK: usize = 1024;
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
    let mut fft = Fft::<f32>::new(from as usize, to as usize, CHUNK, 1, FixedSync::Both)
        .map_err(|error| refuse(error.to_string()))?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| refuse(error.to_string()))?;
    let output = fft.process_all(&input, samples.len(), None).map_err(|error| refuse(error.to_string()))?;
    Ok(output.take_data())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone that is heard only in the middle of a second.
    fn tone(rate: u32, hertz: f32) -> Vec<f32> {
        let at = |i: u32| i as f32 / rate as f32;
        let swell = |time: f32| (-((time - 0.5) / 0.1).powi(2)).exp();
        (0..rate).map(|i| swell(at(i)) * (at(i) * hertz * std::f32::consts::TAU).sin()).collect()
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_its_place() {
        for (from, to) in [(44_100, 16_000), (16_000, 48_000), (8_000, 16_000), (48_000, 16_000), (22_050, 16_000)] {
            let got = convert(&tone(from, 440.0), from, to).expect("converts");
            let expected = tone(to, 440.0);
            assert_eq!(got.len(), expected.len(), "{from} → {to}");
            let worst = got.iter().zip(&expected).map(|(got, expected)| (got - expected).abs()).fold(0.0, f32::max);
            println!("{from} → {to}: {worst:e}");
            assert!(worst < 1e-3, "{from} → {to}: {worst}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_left_out() {
        let got = convert(&tone(48_000, 12_000.0), 48_000, 16_000).expect("converts");
        assert!(got.iter().all(|sample| sample.abs() < 1e-3));
    }

    #[test]
    fn a_clip_of_one_sample_is_a_clip() {
        assert_eq!(convert(&[0.5], 44_100, 16_000).expect("converts").len(), 1);
        assert_eq!(convert(&[0.5], 8_000, 48_000).expect("converts").len(), 6);
        assert!(convert(&[0.0; 64], 1000, 384_000).is_ok());
    }
}
