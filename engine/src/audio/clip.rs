//! A clip as an extractor takes it: checked, and brought to a length.

use std::borrow::Cow;

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
    // Whole blocks at once, so that this is SIMD.
    let is_sound = |block: &[f32]| block.iter().fold(true, |sound, sample| sound & sample.is_finite());
    if clip.chunks(4096).all(is_sound) {
        return Ok(());
    }
    match clip.iter().position(|sample| !sample.is_finite()) {
        Some(index) => {
            let sample = format!("{} at sample {index}", clip[index]);
            Err(Error::model("unusable sample").of("audio").expected("finite numbers").found(sample))
        }
        None => Ok(()),
    }
}

/// A clip as an extractor takes it: pieces one behind the other, filled up to a length.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The pieces.
    pub pieces: Vec<&'a [f32]>,
    /// Samples of the whole.
    pub length: usize,
    padding: f32,
}

impl<'a> Row<'a> {
    /// A clip as it is.
    #[must_use]
    pub fn whole(clip: &'a [f32]) -> Self {
        Self { pieces: vec![clip], length: clip.len(), padding: 0.0 }
    }

    /// The first `length` samples of `clip`, filled up to that length.
    #[must_use]
    pub fn fitted(clip: &'a [f32], length: usize, fill: Fill) -> Self {
        let mut pieces = vec![&clip[..clip.len().min(length)]];
        let until = match fill {
            Fill::Value(_) => 0,
            Fill::Repeat => length,
            Fill::RepeatThenZeros => length - length.checked_rem(clip.len()).unwrap_or(0),
        };
        let mut filled = pieces[0].len();
        while filled < until && !clip.is_empty() {
            let room = (until - filled).min(clip.len());
            pieces.push(&clip[..room]);
            filled += room;
        }
        Self { pieces, length, padding: if let Fill::Value(value) = fill { value } else { 0.0 } }
    }

    /// The samples in one piece.
    #[must_use]
    pub fn joined(&self) -> Cow<'a, [f32]> {
        match self.pieces.as_slice() {
            [whole] if whole.len() == self.length => Cow::Borrowed(whole),
            pieces => {
                let mut samples = Vec::with_capacity(self.length);
                pieces.iter().for_each(|piece| samples.extend_from_slice(piece));
                samples.resize(self.length, self.padding);
                Cow::Owned(samples)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_clip_is_filled_up() {
        let clip = [1.0, 2.0, 3.0];
        let fitted = |clip, length, fill| Row::fitted(clip, length, fill).joined().into_owned();
        assert_eq!(fitted(&clip, 8, Fill::Value(-1.0)), [1.0, 2.0, 3.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
        assert_eq!(fitted(&clip, 8, Fill::RepeatThenZeros), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(fitted(&clip, 8, Fill::Repeat), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
        for fill in [Fill::Value(0.0), Fill::Repeat, Fill::RepeatThenZeros] {
            assert_eq!(fitted(&clip, 2, fill), [1.0, 2.0]);
            assert_eq!(fitted(&[], 2, fill), [0.0, 0.0]);
            assert!(matches!(Row::fitted(&clip, 3, fill).joined(), Cow::Borrowed(_)), "nothing is copied for nothing");
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
