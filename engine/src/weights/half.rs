//! Weights as 16-bit floats, two to a word. Rows are padded with zeros to whole vectors of 16 bytes.

use half::f16;

/// Values in 16 bytes.
const VECTOR: usize = 8;

/// Shape of a matrix of 16-bit floats, `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns without padding.
    pub columns: usize,
}

impl Layout {
    /// Words of 32 bits in a row.
    #[must_use]
    pub fn row_words(self) -> usize {
        self.columns.div_ceil(VECTOR) * VECTOR / 2
    }

    /// Whether rows have no padding.
    #[must_use]
    pub fn dense(self) -> bool {
        self.columns.is_multiple_of(VECTOR)
    }

    /// Bytes of all rows.
    #[must_use]
    pub fn bytes(self) -> u64 {
        4 * (self.rows * self.row_words()) as u64
    }

    /// Whole rows as words.
    #[must_use]
    pub fn pack(self, values: &[f32]) -> Vec<u32> {
        let mut words = Vec::with_capacity(values.len() / self.columns.max(1) * self.row_words());
        for row in values.chunks_exact(self.columns) {
            let start = words.len();
            let half = |value: Option<&f32>| u32::from(f16::from_f32(value.copied().unwrap_or(0.0)).to_bits());
            words.extend(row.chunks(2).map(|pair| half(pair.first()) | half(pair.get(1)) << 16));
            words.resize(start + self.row_words(), 0);
        }
        words
    }

    /// Reads row `row` of `words` into `out`, one float per column.
    #[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
    pub fn row(self, words: &[u32], row: usize, out: &mut [f32]) {
        let words = &words[row * self.row_words()..][..self.row_words()];
        for (out, word) in out.chunks_mut(2).zip(words) {
            for (index, out) in out.iter_mut().enumerate() {
                *out = f16::from_bits((word >> (16 * index)) as u16).to_f32();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_to_eleven_bits() {
        let layout = Layout { rows: 3, columns: 13 };
        let values: Vec<f32> = (0..39_u8).map(|i| f32::from(i).sin()).collect();
        let words = layout.pack(&values);
        assert_eq!(words.len() as u64 * 4, layout.bytes());
        let mut row = [0.0; 13];
        for (index, expected) in values.chunks_exact(13).enumerate() {
            layout.row(&words, index, &mut row);
            assert!(row.iter().zip(expected).all(|(got, want)| (got - want).abs() <= want.abs() / 2048.0));
        }
    }
}
