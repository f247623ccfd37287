//! Floats to codes, some rows at a time.

use half::f16;

use super::{Layout, calibration::fit};
use crate::{
    error::{Error, Result},
    protocol::Calibration,
};

/// Scales and zero points of the rows quantized so far; two rows may share a word, so they are packed when
/// the last row is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Factors {
    scales: Vec<f16>,
    zeros: Vec<i32>,
}

impl Factors {
    /// Those of whole rows, a group after the other; every group has a zero point, even where none is stored.
    #[must_use]
    pub fn new(scales: Vec<f16>, zeros: Vec<i32>) -> Self {
        Self { scales, zeros }
    }

    /// Whether every row of the matrix is there.
    #[must_use]
    pub fn complete(&self, layout: Layout) -> bool {
        self.scales.len() == layout.rows * layout.groups()
    }

    /// Adds those of the rows that follow.
    pub fn append(&mut self, mut more: Self) {
        self.scales.append(&mut more.scales);
        self.zeros.append(&mut more.zeros);
    }

    /// Scales and zero points as little-endian bytes.
    #[must_use]
    pub fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let scales = self.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        (scales, self.zeros.iter().flat_map(|zero| zero.to_le_bytes()).collect())
    }

    /// What [`Factors::bytes`] gave.
    #[must_use]
    pub fn from_bytes(scales: &[u8], zeros: &[u8]) -> Self {
        let scales = scales.chunks_exact(2).map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]])).collect();
        Self { scales, zeros: bytemuck::pod_collect_to_vec(zeros) }
    }

    /// Words of all scales and of all zero points, as [`Layout`] has them.
    #[must_use]
    pub fn pack(&self, layout: Layout) -> (Vec<u32>, Vec<u32>) {
        let pair = |pair: &[f16]| pair.iter().rev().fold(0, |word, half| word << 16 | u32::from(half.to_bits()));
        let mask = u32::MAX >> (32 - layout.bits);
        let zeros = |zeros: &[i32]| {
            zeros.iter().rev().fold(0, |word, zero| word << layout.bits | (zero.cast_unsigned() & mask))
        };
        let scales = self.scales.chunks(2).map(pair).collect();
        let zeros = if layout.zeros { self.zeros.chunks(layout.per_word()).map(zeros).collect() } else { Vec::new() };
        (scales, zeros)
    }
}

/// Quantizes whole rows, appending their words to `codes` and their scales and zero points to `factors`. Columns may
/// be of different `importance`.
pub fn quantize(
    layout: Layout,
    calibration: Calibration,
    importance: Option<&[f32]>,
    values: &[f32],
    codes: &mut Vec<u32>,
    factors: &mut Factors,
) -> Result<()> {
    let mask = u32::MAX >> (32 - layout.bits);
    let (in_word, places) = (layout.per_word(), [0, 1, 2, 3, 4, 5, 6, 7].map(|within| layout.place(within).1));
    let mut taken: Vec<u32> = Vec::with_capacity(layout.group);
    for row in values.chunks_exact(layout.columns) {
        let start = codes.len();
        codes.resize(start + layout.row_words(), 0);
        for (index, group) in row.chunks(layout.group).enumerate() {
            // All are looked at, eight at a time, before the first is looked for.
            if group.iter().fold(false, |stray, value| stray | !value.is_finite()) {
                let value = group.iter().find(|value| !value.is_finite()).copied().unwrap_or(f32::NAN);
                return Err(Error::model("holds a value that is not finite").found(value.to_string()));
            }
            let importance = importance.and_then(|all| all.get(index * layout.group..)?.get(..group.len()));
            let fit = fit(group, importance, layout, calibration);
            factors.scales.push(f16::from_f32(fit.scale));
            factors.zeros.push(fit.zero);
            taken.clear();
            taken.extend(group.iter().map(|&weight| fit.code(weight, layout).cast_unsigned() & mask));
            // Groups begin with a word.
            let words = &mut codes[start + index * layout.group / in_word..];
            for (word, taken) in words.iter_mut().zip(taken.chunks(in_word)) {
                *word = taken.iter().zip(places).fold(0, |word, (code, place)| word | code << place);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::Matrix, *};

    #[test]
    fn every_weight_comes_back_within_a_step() {
        let values: Vec<f32> = (0..3 * 77_u16).map(|i| (f32::from(i) * 0.37).sin() * 0.1 + 0.02).collect();
        for (bits, zeros) in [(4, false), (4, true), (8, false), (8, true)] {
            for calibration in Calibration::ALL {
                let layout = Layout { rows: 3, columns: 77, bits, group: 32, zeros };
                let (mut codes, mut factors) = (Vec::new(), Factors::default());
                quantize(layout, calibration, None, &values[..77], &mut codes, &mut factors).expect("finite");
                assert!(!factors.complete(layout));
                quantize(layout, calibration, None, &values[77..], &mut codes, &mut factors).expect("finite");
                assert!(factors.complete(layout));
                let (scales, zero_points) = factors.pack(layout);
                assert_eq!(codes.len(), 3 * layout.row_words());
                assert_eq!((scales.len(), zero_points.len()), (layout.scale_words(), layout.zero_words()));
                let matrix = Matrix { layout, codes: &codes, scales: &scales, zeros: &zero_points, order: &[] };
                let step = if bits == 4 { 0.12 / 7.0 } else { 0.12 / 127.0 };
                let mut row = vec![0.0; 77];
                for (index, expected) in values.chunks_exact(77).enumerate() {
                    matrix.row(index, &mut row);
                    for (got, want) in row.iter().zip(expected) {
                        assert!((got - want).abs() <= step, "{bits} {zeros} {calibration:?}: {got} {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_weight_that_is_no_number_is_refused() {
        let layout = Layout { rows: 1, columns: 2, bits: 4, group: 32, zeros: false };
        let (mut codes, mut factors) = (Vec::new(), Factors::default());
        let error = quantize(layout, Calibration::None, None, &[1.0, f32::NAN], &mut codes, &mut factors);
        assert_eq!(error.expect_err("NaN").to_string(), "holds a value that is not finite: found NaN");
    }
}
