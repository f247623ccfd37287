//! A clip as an extractor takes it: checked, and brought to a length.

use crate::error::{Error, Result};

/// How a clip that is too short is filled up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// With one value.
    Value(f32),
    /// Repeated as often as it fits entirely, then zeros.
    RepeatThenZeros,
    /// Repeated, the last time cut off.
    Repeat,
}

/// Refuses a clip that no features can be made of.
///
/// # Errors
/// When there are no samples, or one isn't a number.
pub fn check(clip: &[f32]) -> Result<()> {
    if clip.is_empty() {
        return Err(Error::model("no samples").of("audio").expected("at least 1 sample"));
    }
    match clip.iter().position(|sample| !sample.is_finite()) {
        Some(index) => {
            let sample = format!("{} at sample {index}", clip[index]);
            Err(Error::model("unusable sample").of("audio").expected("finite numbers").found(sample))
        }
        None => Ok(()),
    }
}

/// The first `length` samples of `clip`, filled up to that length.
#[must_use]
pub fn fitted(clip: &[f32], length: usize, fill: Fill) -> Vec<f32> {
    let mut samples = Vec::with_capacity(length);
    samples.extend_from_slice(&clip[..clip.len().min(length)]);
    let until = match fill {
        Fill::Value(_) => 0,
        Fill::Repeat => length,
        Fill::RepeatThenZeros => length - length.checked_rem(clip.len()).unwrap_or(0),
    };
    while samples.len() < until && !clip.is_empty() {
        let room = (until - samples.len()).min(clip.len());
        samples.extend_from_slice(&clip[..room]);
    }
    let value = if let Fill::Value(value) = fill { value } else { 0.0 };
    samples.resize(length, value);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_clip_is_filled_up() {
        let clip = [1.0, 2.0, 3.0];
        assert_eq!(fitted(&clip, 8, Fill::Value(-1.0)), [1.0, 2.0, 3.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
        assert_eq!(fitted(&clip, 8, Fill::RepeatThenZeros), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(fitted(&clip, 8, Fill::Repeat), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
        for fill in [Fill::Value(0.0), Fill::Repeat, Fill::RepeatThenZeros] {
            assert_eq!(fitted(&clip, 2, fill), [1.0, 2.0]);
            assert_eq!(fitted(&[], 2, fill), [0.0, 0.0]);
        }
    }

    #[test]
    fn silence_is_a_clip_and_nothing_is_not() {
        assert!(check(&[0.0]).is_ok());
        assert_eq!(check(&[]).expect_err("empty").to_string(), "audio: no samples: expected at least 1 sample");
        let error = check(&[0.0, f32::NAN]).expect_err("not a number").to_string();
        assert_eq!(error, "audio: unusable sample: expected finite numbers, found NaN at sample 1");
    }
}
