//! A quantized matrix in memory, and its rows as floats.

use half::f16;

use super::Layout;

/// A quantized matrix on the CPU; see [`Layout`].
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Shape and format.
    pub layout: Layout,
    /// Codes of all rows.
    pub codes: &'a [u32],
    /// Scales of all groups.
    pub scales: &'a [u32],
    /// Zero points of all groups, or nothing.
    pub zeros: &'a [u32],
    /// Which input each column belongs to, or nothing where they lie as inputs do.
    pub order: &'a [u32],
}

impl Matrix<'_> {
    /// Scale and zero point of group `group` of row `row`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
    pub fn factors(&self, row: usize, group: usize) -> (f32, i32) {
        let layout = self.layout;
        let index = row * layout.groups() + group;
        let scale = f16::from_bits((self.scales[index / 2] >> (16 * (index % 2))) as u16).to_f32();
        if !layout.zeros {
            return (scale, layout.middle());
        }
        let per_word = layout.per_word();
        let word = self.zeros[index / per_word] >> (layout.bits as usize * (index % per_word));
        (scale, if layout.bits == 4 { (word & 15).cast_signed() } else { i32::from((word as u8).cast_signed()) })
    }

    /// Reads row `row` into `out`, one float per input.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        if self.order.is_empty() {
            return self.columns(row, out);
        }
        let mut columns = vec![0.0; self.layout.columns];
        self.columns(row, &mut columns);
        for (value, &input) in columns.into_iter().zip(self.order) {
            if let Some(out) = out.get_mut(input as usize) {
                *out = value;
            }
        }
    }

    /// The same, one float per column.
    pub fn columns(&self, row: usize, out: &mut [f32]) {
        let layout = self.layout;
        let words = &self.codes[row * layout.row_words()..][..layout.row_words()];
        let (group_words, per_word) = (layout.group / layout.per_word(), layout.per_word());
        for (index, (out, words)) in out.chunks_mut(layout.group).zip(words.chunks(group_words)).enumerate() {
            let (scale, zero) = self.factors(row, index);
            let zero = zero as f32;
            for (out, &word) in out.chunks_mut(per_word).zip(words) {
                let codes: [f32; 8] = if layout.bits == 4 {
                    std::array::from_fn(|i| ((word >> (i % 4 * 8 + i / 4 * 4)) & 15) as f32)
                } else {
                    let bytes = word.to_le_bytes();
                    std::array::from_fn(|i| f32::from(bytes[i % 4].cast_signed()))
                };
                for (out, code) in out.iter_mut().zip(codes) {
                    *out = (code - zero) * scale;
                }
            }
        }
    }
}
