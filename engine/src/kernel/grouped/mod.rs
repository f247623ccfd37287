//! Attention in which heads share keys and values in groups (Ainslie et al. 2023), over the tensors of a
//! pass or over a cache of earlier ones: scaled dot products, softmax, and the sum of values they weigh.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod enter;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod reference;
mod table;

pub use table::run;

use crate::graph::memory_axes;

/// Keys or values: `[B, T, kv · d]`, or a cache `[B, kv, T, d]`.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Where they lie.
    pub place: Place,
}

/// Where the rows of keys or values lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of heads.
    pub heads: usize,
    /// Rows of every sequence.
    pub rows: usize,
    /// Width of a head.
    pub width: usize,
    /// From one sequence, head or row to the next.
    pub strides: [usize; 3],
}

impl Place {
    /// Of a tensor of this shape with `heads` heads.
    #[must_use]
    pub fn new(shape: &[usize], heads: usize) -> Option<Self> {
        let [_, heads, rows, width] = memory_axes(shape, heads)?;
        let strides = if shape.len() == 3 {
            [rows * heads * width, width, heads * width]
        } else {
            [heads * rows * width, rows * width, width]
        };
        Some(Self { heads, rows, width, strides })
    }

    /// Where a row starts.
    #[must_use]
    pub fn start(self, batch: usize, head: usize, row: usize) -> usize {
        batch * self.strides[0] + head * self.strides[1] + row * self.strides[2]
    }
}

/// Which keys exist for which queries.
#[derive(Clone, Copy)]
pub struct Reach {
    /// Whether query i sees keys up to `past` + i only.
    pub causal: bool,
    /// Keys in front of the first query's own.
    pub past: usize,
}

impl Reach {
    /// From the operand that holds `past`.
    #[must_use]
    pub fn new(causal: bool, past: &[i32]) -> Self {
        Self { causal, past: past.first().and_then(|&past| usize::try_from(past).ok()).unwrap_or(0) }
    }

    /// Keys that query `i` sees of `keys`.
    #[must_use]
    pub fn of(self, i: usize, keys: usize) -> usize {
        if self.causal { keys.min(self.past.saturating_add(i + 1)) } else { keys }
    }
}

/// A bias for every distance -D … D.
#[derive(Clone, Copy)]
pub struct Bias<'a> {
    /// `[2 · D + 1, heads]`
    pub table: &'a [f32],
    /// Number of heads.
    pub heads: usize,
}

impl Bias<'_> {
    /// The bias of a head for a key that is `distance` behind (if positive) or before the query.
    #[must_use]
    pub fn at(self, distance: isize, head: usize) -> f32 {
        let limit = (self.table.len() / self.heads / 2).cast_signed();
        let index = (distance.clamp(-limit, limit) + limit).cast_unsigned();
        self.table[index * self.heads + head]
    }
}

/// cache `[B, kv, C, d]` in place, x `[B, S, kv · d]`: row s becomes row past + s.
pub fn append(x: &[f32], shape: &[usize], past: &[i32], place: Place, cache: &mut [f32]) {
    let past = Reach::new(true, past).past;
    let length = shape[1];
    for (index, x) in x.chunks_exact(place.width).enumerate() {
        let (head, row, batch) = (index % place.heads, index / place.heads % length, index / place.heads / length);
        if past.saturating_add(row) < place.rows {
            cache[place.start(batch, head, past + row)..][..place.width].copy_from_slice(x);
        }
    }
}
