//! The operations of audio front ends: samples → features, many clips at once.

use super::{Graph, Op, Value, build::Source};
use crate::error::Result;

/// One of them. C clips of up to N samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sound {
    /// samples `[C, N]`, lengths `[C]`, table `[3, n]` (window, cosines and sines of a whole turn), edges `[M, 3]`
    /// (first bin, first weight, weight behind the last), weights `[W]` → log10 of the power in M bands of frames of n
    /// samples, at least −10, `[C, F, M]`. The ends of each clip are mirrored.
    LogMel {
        /// Samples from one frame to the next.
        hop: usize,
        /// F
        frames: usize,
    },
    /// x `[C, L]`, lengths `[C]` → count, mean, sum of squared distances from it and largest value of every part
    /// `[C, parts, 4]`, as far as its length goes.
    Survey {
        /// Parts of a row.
        parts: usize,
    },
    /// `[C, parts, 4]` of a survey → the same of whole rows `[C, 4]`.
    Total,
    /// x `[C, F, M]`, total `[C, 4]` → (max(x, largest − range) + 4) / 4 with the axes swapped `[C, M, F]`.
    Decades {
        /// What is further below the largest value is silence.
        range: f32,
    },
    /// x `[C, N]`, lengths `[C]`, total `[C, 4]` → (x − mean) / √(variance + ε); padding behind its length.
    Standardise {
        /// Added to the variance.
        epsilon: f32,
        /// What stands behind the samples.
        padding: f32,
    },
    /// x `[C, R, W]`, rows `[C, S, 2]`, shares `[C, S]` → rows between two rows `[C, S, W]`: (1 − share) of the first.
    Blend,
}

impl Sound {
    /// The shape of the result, if the operands fit.
    pub(super) fn shape(self, operands: &[&[usize]]) -> Option<Vec<usize>> {
        match (self, operands) {
            (Self::LogMel { hop, frames }, [[c, _], [c2], [3, n], [m, 3], [_]]) if c == c2 && *n > 0 && hop > 0 => {
                Some(vec![*c, frames, *m])
            }
            (Self::Survey { parts }, [[c, _], [c2]]) if c == c2 && parts > 0 => Some(vec![*c, parts, 4]),
            (Self::Total, [[c, _, 4]]) => Some(vec![*c, 4]),
            (Self::Decades { .. }, [[c, f, m], [c2, 4]]) if c == c2 => Some(vec![*c, *m, *f]),
            (Self::Standardise { .. }, [[c, n], [c2], [c3, 4]]) if c == c2 && c == c3 => Some(vec![*c, *n]),
            (Self::Blend, [[c, _, w], [c2, s, 2], [c3, s2]]) if c == c2 && c == c3 && s == s2 => Some(vec![*c, *s, *w]),
            _ => None,
        }
    }
}

/// Values that one part of a survey looks at, at least.
const PART: usize = 1 << 13;
/// Parts of a row, at most.
const PARTS: usize = 64;

impl Graph {
    /// Adds an operation of an audio front end.
    pub fn sound(&mut self, sound: Sound, operands: &[Value]) -> Result<Value> {
        self.op(Op::Sound(sound), operands.iter().copied().map(Source::Value).collect())
    }

    /// Count, mean, sum of squared distances from it and largest value of every row of x `[C, L]`, as far as its
    /// length goes, `[C, 4]`.
    pub fn totals(&mut self, x: Value, lengths: Value) -> Result<Value> {
        let width = self.shape(x).last().copied().unwrap_or(0);
        let parts = width.div_ceil(PART).clamp(1, PARTS);
        let survey = self.sound(Sound::Survey { parts }, &[x, lengths])?;
        self.sound(Sound::Total, &[survey])
    }
}
