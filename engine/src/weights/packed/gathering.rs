//! A packed matrix while its parts arrive, in any order and any pieces. Files have its columns where the engine has
//! rows, so its codes are gathered whole before they go to the device: half a byte or one for each.

use half::f16;

use super::{Packed, Part};
use crate::{
    error::{Error, Result},
    weights::integer::{Factors, Matrix},
};

/// Parts of a matrix so far.
pub struct Gathering {
    packed: Packed,
    order: Gathered<u32>,
    codes: Gathered<u32>,
    scales: Gathered<f16>,
    zeros: Gathered<i32>,
}

/// Values of one part, and how many rows of the files are still to come.
struct Gathered<T> {
    values: Vec<T>,
    missing: usize,
}

impl<T: Copy + Default> Gathered<T> {
    fn new(values: usize, missing: usize) -> Self {
        Self { values: vec![T::default(); values], missing }
    }
}

impl Gathering {
    /// Of a matrix of which nothing is there yet.
    #[must_use]
    pub fn new(packed: Packed) -> Self {
        let layout = packed.layout;
        let (factors, file_groups) = (layout.rows * layout.groups(), layout.columns.div_ceil(packed.file_group()));
        let [rows_of_codes, _] = packed.code_shape();
        Self {
            packed,
            order: Gathered { values: Vec::new(), missing: usize::from(packed.is_ordered()) },
            codes: Gathered::new(layout.rows * layout.row_words(), rows_of_codes),
            scales: Gathered::new(factors, file_groups),
            zeros: Gathered::new(factors, file_groups),
        }
    }

    /// Bytes it takes in memory.
    #[must_use]
    pub fn bytes(packed: Packed) -> u64 {
        let layout = packed.layout;
        let order = if packed.is_ordered() { 4 * layout.columns as u64 } else { 0 };
        4 * (layout.rows * layout.row_words()) as u64 + 6 * (layout.rows * layout.groups()) as u64 + order
    }

    /// Takes whole rows of a part, from row `first` on.
    pub fn take(&mut self, part: Part, first: usize, bytes: &[u8]) -> Result<()> {
        let (packed, layout) = (self.packed, self.packed.layout);
        let words = || bytemuck::pod_collect_to_vec::<u8, u32>(bytes);
        match part {
            Part::Order => {
                let order = packed.order(&bytemuck::pod_collect_to_vec::<u8, i32>(bytes))?;
                if packed.is_ordered() {
                    self.order = Gathered { values: order, missing: 0 };
                }
            }
            Part::Codes => {
                let words = words();
                packed.place_codes(first, &words, &mut self.codes.values);
                let [_, width] = packed.code_shape();
                self.codes.missing -= words.len() / width;
            }
            Part::Scales => {
                let scales: Vec<f16> = bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
                if let Some(scale) = scales.iter().find(|scale| !scale.is_finite()) {
                    return Err(Error::model("holds a value that is not finite")
                        .of(part.name())
                        .found(scale.to_string()));
                }
                for (group, scales) in (first..).zip(scales.chunks_exact(layout.rows)) {
                    packed.spread(group, scales, &mut self.scales);
                }
            }
            Part::Zeros => {
                for (group, words) in (first..).zip(words().chunks_exact(layout.rows / layout.per_word())) {
                    let zeros = packed.zeros(words);
                    let middle = layout.middle();
                    if let Some(zero) = zeros.iter().find(|zero| !layout.zeros && **zero != middle) {
                        let least = *layout.codes().start();
                        return Err(Error::model("a zero point is not in the middle")
                            .of(part.name())
                            .expected(format!("{}, as `sym` says", middle - least))
                            .found((zero - least).to_string())
                            .hint("`sym` of config.json has to be false for these weights"));
                    }
                    packed.spread(group, &zeros, &mut self.zeros);
                }
            }
        }
        Ok(())
    }

    /// The words of all codes, once they and their order are there; only once.
    pub fn codes(&mut self) -> Option<Vec<u32>> {
        let whole = self.codes.missing == 0 && self.order.missing == 0 && !self.codes.values.is_empty();
        let mut codes = whole.then(|| std::mem::take(&mut self.codes.values))?;
        if !self.order.values.is_empty() {
            self.packed.sort(&mut codes, &self.order.values);
        }
        Some(codes)
    }

    /// The input that each column belongs to, once it is known; nothing where they lie as inputs do.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order.values
    }

    /// All scales and zero points, once they are there.
    pub fn factors(&mut self) -> Option<Factors> {
        let whole = self.scales.missing == 0 && self.zeros.missing == 0 && !self.scales.values.is_empty();
        let taken =
            |it: &mut Self| Factors::new(std::mem::take(&mut it.scales.values), std::mem::take(&mut it.zeros.values));
        whole.then(|| taken(self))
    }

    /// Whether every part is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        [self.order.missing, self.codes.missing, self.scales.missing, self.zeros.missing] == [0; 4]
    }

    /// Gives `rows` rows at a time to `write`, as floats, with the number of the first: of a matrix that is complete.
    pub fn floats(&mut self, rows: usize, mut write: impl FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        let layout = self.packed.layout;
        let (Some(codes), Some(factors)) = (self.codes(), self.factors()) else {
            return Err(Error::internal("a packed matrix is not complete"));
        };
        let (scales, zeros) = factors.pack(layout);
        let matrix = Matrix { layout, codes: &codes, scales: &scales, zeros: &zeros, order: &self.order.values };
        let mut values = Vec::new();
        for first in (0..layout.rows).step_by(rows.max(1)) {
            values.resize(rows.max(1).min(layout.rows - first) * layout.columns, 0.0);
            for (row, values) in (first..).zip(values.chunks_exact_mut(layout.columns)) {
                matrix.row(row, values);
            }
            write(first, &values)?;
        }
        Ok(())
    }
}

impl Packed {
    /// Factors of one group of the files, for every output, to those of the engine's groups inside it.
    fn spread<T: Copy>(self, file_group: usize, factors: &[T], into: &mut Gathered<T>) {
        let (groups, length) = (self.layout.groups(), self.file_group() / self.layout.group);
        let here = file_group * length..groups.min((file_group + 1) * length);
        for (row, &factor) in into.values.chunks_exact_mut(groups).zip(factors) {
            row[here.clone()].fill(factor);
        }
        into.missing -= 1;
    }
}
