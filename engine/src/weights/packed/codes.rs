//! Codes from the places they have in files to those the engine has for them.

use super::Packed;
use crate::load::packing::Method;

/// Which of eight neighbouring outputs the nibbles of a word are, from the lowest on.
const AWQ_ORDER: [usize; 8] = [0, 2, 4, 6, 1, 3, 5, 7];
/// The same where they are as they lie.
const IN_ORDER: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

impl Packed {
    /// Rows that hold codes in the files, and the words of each.
    pub(super) fn code_shape(self) -> [usize; 2] {
        let (rows, columns, per_word) = (self.layout.rows, self.layout.columns, self.layout.per_word());
        match self.packing.method {
            Method::Gptq { .. } => [columns / per_word, rows],
            Method::Awq => [columns, rows / per_word],
        }
    }

    /// Puts `words` of whole rows of the files, from row `first` on, into the codes of the whole matrix.
    pub(super) fn place_codes(self, first: usize, words: &[u32], codes: &mut [u32]) {
        let layout = self.layout;
        let (row_words, [_, width]) = (layout.row_words(), self.code_shape());
        match self.packing.method {
            // A word there is a word here.
            Method::Gptq { .. } => {
                for (output, row) in codes.chunks_exact_mut(row_words).enumerate() {
                    let words = words.iter().skip(output).step_by(width);
                    row[first..].iter_mut().zip(words).for_each(|(code, &word)| *code = self.word(word));
                }
            }
            Method::Awq => {
                for (eight, rows) in codes.chunks_exact_mut(AWQ_ORDER.len() * row_words).enumerate() {
                    for (column, &word) in (first..).zip(words.iter().skip(eight).step_by(width)) {
                        let (place, bit) = layout.place(column);
                        for (nibble, output) in AWQ_ORDER.into_iter().enumerate() {
                            rows[output * row_words + place] |= (word >> (4 * nibble) & 15) << bit;
                        }
                    }
                }
            }
        }
    }

    /// Puts the codes of every row into `order`: the column each is taken from.
    pub(super) fn sort(self, codes: &mut [u32], order: &[u32]) {
        let (layout, mask) = (self.layout, u32::MAX >> (32 - self.layout.bits));
        let from: Vec<(usize, usize)> = order.iter().map(|&column| layout.place(column as usize)).collect();
        let bits: Vec<usize> = (0..layout.per_word()).map(|within| layout.place(within).1).collect();
        let mut before = vec![0; layout.row_words()];
        for row in codes.chunks_exact_mut(layout.row_words()) {
            before.copy_from_slice(row);
            for (word, from) in row.iter_mut().zip(from.chunks(layout.per_word())) {
                let codes = from.iter().map(|&(place, bit)| before[place] >> bit & mask);
                *word = codes.zip(&bits).fold(0, |word, (code, bit)| word | code << bit);
            }
        }
    }

    /// Zero points of one group for all outputs, from the words the files have for them.
    pub(super) fn zeros(self, words: &[u32]) -> Vec<i32> {
        let (bits, per_word) = (self.layout.bits as usize, self.layout.per_word());
        let mask = u32::MAX >> (32 - bits);
        let (order, offset) = match self.packing.method {
            Method::Gptq { zero_offset } => (IN_ORDER, zero_offset),
            Method::Awq => (AWQ_ORDER, 0),
        };
        let mut zeros = vec![0; words.len() * per_word];
        for (word, zeros) in words.iter().zip(zeros.chunks_exact_mut(per_word)) {
            for (place, output) in order.into_iter().take(per_word).enumerate() {
                // Whoever stored 0 as −1 means that it wraps around.
                let zero = ((word >> (bits * place) & mask) + offset) & mask;
                zeros[output] = zero.cast_signed() + *self.layout.codes().start();
            }
        }
        zeros
    }

    /// Neighbouring codes of a row, the first in the lowest bits, as the engine has them in a word.
    fn word(self, word: u32) -> u32 {
        if self.layout.bits == 8 {
            // Bytes from 0 on become signed ones.
            return word ^ 0x8080_8080;
        }
        let spread = |four: u32| {
            let pairs = (four | four << 8) & 0x00ff_00ff;
            (pairs | pairs << 4) & 0x0f0f_0f0f
        };
        spread(word & 0xffff) | spread(word >> 16) << 4
    }
}
