//! Where codes, scales and zero points of a matrix lie.

use std::ops::RangeInclusive;

/// Weights that are padded, loaded and multiplied together: 16 bytes of 4-bit codes.
pub const BLOCK: usize = 32;

/// The layout of one quantized matrix `[rows, columns]`, in words of 32 bits.
///
/// - Codes: `[rows, blocks, bits]` words, each row padded to whole blocks of 32. With 4 bits a word holds
///   eight codes: the first four are the low halves of its bytes, the other four the high halves, so that
///   `word & 0x0f0f0f0f` and `(word >> 4) & 0x0f0f0f0f` are four neighbours each. With 8 bits it holds four,
///   as signed bytes.
/// - Scales: `[rows, groups]` f16, two to a word, the first in the lower half.
/// - Zero points, if there are any: `[rows, groups]` of as many bits as a code, the first in the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns without padding.
    pub columns: usize,
    /// Bits of a code: 4 or 8.
    pub bits: u32,
    /// Weights that share a scale: a multiple of 32. The last group of a row may have fewer.
    pub group: usize,
    /// Whether every group has a zero point of its own.
    pub zeros: bool,
}

impl Layout {
    /// Groups in a row.
    #[must_use]
    pub fn groups(self) -> usize {
        self.columns.div_ceil(self.group)
    }

    /// Words of codes in a row.
    #[must_use]
    pub fn row_words(self) -> usize {
        self.columns.div_ceil(BLOCK) * self.bits as usize
    }

    /// Codes in a word.
    #[must_use]
    pub fn per_word(self) -> usize {
        32 / self.bits as usize
    }

    /// Words of all scales.
    #[must_use]
    pub fn scale_words(self) -> usize {
        (self.rows * self.groups()).div_ceil(2)
    }

    /// Words of all zero points.
    #[must_use]
    pub fn zero_words(self) -> usize {
        if self.zeros { (self.rows * self.groups()).div_ceil(self.per_word()) } else { 0 }
    }

    /// Bytes of everything.
    #[must_use]
    pub fn bytes(self) -> u64 {
        4 * (self.rows * self.row_words() + self.scale_words() + self.zero_words()) as u64
    }

    /// Every code there is.
    #[must_use]
    pub fn codes(self) -> RangeInclusive<i32> {
        if self.bits == 4 { 0..=15 } else { -128..=127 }
    }

    /// The zero point of a group that has none of its own: the middle of all codes.
    #[must_use]
    pub fn middle(self) -> i32 {
        if self.bits == 4 { 8 } else { 0 }
    }

    /// Rows between places where codes, scales and zero points all start at a multiple of 256 bytes, as
    /// a binding has to.
    #[must_use]
    pub fn binding_rows(self) -> usize {
        if self.zeros { 256 * self.per_word() / 4 } else { 128 }
    }

    /// Where a code lies in its row: word and first bit.
    #[must_use]
    pub fn place(self, column: usize) -> (usize, usize) {
        let within = column % self.per_word();
        let bit = if self.bits == 4 { within % 4 * 8 + within / 4 * 4 } else { within * 8 };
        (column / self.per_word(), bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_128_takes_a_quarter_of_f16_and_little_more() {
        let layout = Layout { rows: 512, columns: 4096, bits: 4, group: 128, zeros: false };
        assert_eq!(layout.bytes() * 8, 512 * 4096 * 4125 / 1000);
        let zeros = Layout { zeros: true, ..layout };
        assert_eq!(zeros.bytes() * 8, 512 * 4096 * 415_625 / 100_000);
    }

    #[test]
    fn every_code_has_its_own_bits() {
        for bits in [4, 8] {
            let layout = Layout { rows: 1, columns: 64, bits, group: 32, zeros: false };
            let mut seen: Vec<_> = (0..64).map(|column| layout.place(column)).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 64);
            assert_eq!(seen.last().map(|place| place.0 + 1), Some(layout.row_words()));
        }
    }
}
