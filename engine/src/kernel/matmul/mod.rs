//! Products of a matrix with a transposed matrix: `out[m, n] = Σ a[m, k] · b[n, k]`, the core of linear
//! layers and of attention.

#[cfg(target_arch = "x86_64")]
use super::lanes;
use super::lanes::{Four, Lanes, dots};

/// Rows of a matrix inside a larger array: row `i` starts at `start + i · stride`.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The array.
    pub data: &'a [f32],
    /// Where the first row starts.
    pub start: usize,
    /// From one row to the next.
    pub stride: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> Rows<'a> {
    /// Row `index`, or the last one: a tile at the edge computes its last row more than once.
    fn row(self, index: usize, length: usize) -> &'a [f32] {
        &self.data[self.start + index.min(self.count - 1) * self.stride..][..length]
    }
}

/// Calls `write(m, n, value)` for every product. Tiles of 2 × 4 keep eight sums in registers, and the
/// four rows of `b` stay in the nearest cache while all rows of `a` pass by.
pub fn transposed(a: Rows<'_>, b: Rows<'_>, length: usize, write: impl FnMut(usize, usize, f32)) {
    #[cfg(target_arch = "x86_64")]
    if lanes::available() {
        // SAFETY: the processor has the instructions.
        return unsafe { transposed_wide(a, b, length, write) };
    }
    transposed_with::<Four>(a, b, length, write);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn transposed_wide(a: Rows<'_>, b: Rows<'_>, length: usize, write: impl FnMut(usize, usize, f32)) {
    transposed_with::<lanes::Eight>(a, b, length, write);
}

#[inline(always)]
fn transposed_with<L: Lanes>(a: Rows<'_>, b: Rows<'_>, length: usize, mut write: impl FnMut(usize, usize, f32)) {
    for n in (0..b.count).step_by(4) {
        let columns: [&[f32]; 4] = std::array::from_fn(|j| b.row(n + j, length));
        for m in (0..a.count).step_by(2) {
            let rows: [&[f32]; 2] = std::array::from_fn(|i| a.row(m + i, length));
            for (i, products) in dots::<L, 2, 4>(rows, columns, length).into_iter().enumerate() {
                for (j, product) in products.into_iter().enumerate() {
                    if m + i < a.count && n + j < b.count {
                        write(m + i, n + j, product);
                    }
                }
            }
        }
    }
}
