//! Group-wise symmetric 4-bit weights: quantize, and read back.
//!
//! A row of K weights is padded with zeros to a multiple of the group and cut into groups. Each group has
//! one f16 scale d; a weight w is stored as the nibble `round(w / d) + 8`. The weight of largest magnitude
//! maps to -8, so that all sixteen codes are used. Eight nibbles share a u32, the first in the lowest bits;
//! rows are a multiple of 16 bytes. Scales are packed two per u32 over all rows, the first in the lower half.

use half::f16;

use crate::error::{Error, Result};

/// The layout of one quantized matrix `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns without padding.
    pub columns: usize,
    /// Weights that share a scale.
    pub group: usize,
}

impl Layout {
    /// Groups in a row.
    #[must_use]
    pub fn groups(self) -> usize {
        self.columns.div_ceil(self.group)
    }

    /// u32 words of nibbles in a row.
    #[must_use]
    pub fn row_words(self) -> usize {
        self.groups() * self.group / 8
    }

    /// u32 words of all scales.
    #[must_use]
    pub fn scale_words(self) -> usize {
        (self.rows * self.groups()).div_ceil(2)
    }
}

/// Quantizes whole rows, appending to `nibbles` and, one f16 per group, to `scales`.
pub fn quantize(layout: Layout, values: &[f32], nibbles: &mut Vec<u32>, scales: &mut Vec<u16>) -> Result<()> {
    for row in values.chunks_exact(layout.columns) {
        for group in row.chunks(layout.group) {
            let extreme = group.iter().fold(0.0_f32, |m, &w| if w.abs() > m.abs() || w.is_nan() { w } else { m });
            if !extreme.is_finite() {
                return Err(Error::model("holds a value that is not finite").found(extreme.to_string()));
            }
            let scale = f16::from_f32((extreme / -8.0).clamp(f16::MIN.to_f32(), f16::MAX.to_f32()));
            let inverse = if scale.to_f32() == 0.0 { 0.0 } else { 1.0 / scale.to_f32() };
            scales.push(scale.to_bits());
            for word in 0..layout.group / 8 {
                let part = group.get(word * 8..).unwrap_or_default();
                nibbles.push(pack(&part[..part.len().min(8)], inverse));
            }
        }
    }
    Ok(())
}

fn pack(weights: &[f32], inverse: f32) -> u32 {
    (0..8).fold(0, |word, position| {
        let weight = weights.get(position).copied().unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=15")]
        let code = ((weight * inverse).round() + 8.0).clamp(0.0, 15.0) as u32;
        word | (code << (4 * position))
    })
}

/// Reads row `row` back into `out`, one float per column.
pub fn dequantize_row(layout: Layout, row: usize, nibbles: &[u32], scales: &[u32], out: &mut [f32]) {
    let words = &nibbles[row * layout.row_words()..][..layout.row_words()];
    let per_group = layout.group / 8;
    for (index, (out, words)) in out.chunks_mut(layout.group).zip(words.chunks_exact(per_group)).enumerate() {
        let position = row * layout.groups() + index;
        #[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
        let scale = f16::from_bits((scales[position / 2] >> (16 * (position % 2))) as u16).to_f32();
        let (whole, rest) = out.as_chunks_mut::<8>();
        for (out, &word) in whole.iter_mut().zip(words) {
            *out = unpack(word, scale);
        }
        if let Some(&word) = words.get(whole.len()) {
            rest.copy_from_slice(&unpack(word, scale)[..rest.len()]);
        }
    }
}

/// The eight weights of a word.
#[inline(always)]
fn unpack(word: u32, scale: f32) -> [f32; 8] {
    std::array::from_fn(|position| (((word >> (4 * position)) & 15).cast_signed() - 8) as f32 * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_comes_back_within_half_a_step() {
        let layout = Layout { rows: 3, columns: 77, group: 32 };
        let values: Vec<f32> = (0..3 * 77_u16).map(|i| (f32::from(i) * 0.37).sin() * 0.1).collect();
        let (mut nibbles, mut halves) = (Vec::new(), Vec::new());
        quantize(layout, &values, &mut nibbles, &mut halves).expect("finite");
        assert_eq!((nibbles.len(), halves.len()), (3 * 12, 9));
        let scales: Vec<u32> =
            halves.chunks(2).map(|c| u32::from(c[0]) | (u32::from(*c.get(1).unwrap_or(&0)) << 16)).collect();
        let mut row = vec![0.0; 77];
        for (index, expected) in values.chunks_exact(77).enumerate() {
            dequantize_row(layout, index, &nibbles, &scales, &mut row);
            for (got, want) in row.iter().zip(expected) {
                // The step is at most 0.1 / 8; the side opposite to the extreme saturates at 7 of 8 steps.
                assert!((got - want).abs() <= 0.1 / 8.0 * 1.01, "{got} {want}");
            }
        }
    }

    #[test]
    fn a_weight_that_is_no_number_is_refused() {
        let layout = Layout { rows: 1, columns: 2, group: 32 };
        let error = quantize(layout, &[1.0, f32::NAN], &mut Vec::new(), &mut Vec::new()).expect_err("NaN");
        assert_eq!(error.to_string(), "holds a value that is not finite: found NaN");
    }
}
