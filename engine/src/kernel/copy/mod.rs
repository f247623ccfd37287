//! Values in another order, and tensors joined.

use crate::graph::{Strided, copy::AXES};

/// x → out, whose shape is the sizes of the copy's axes.
pub fn reference(copy: &Strided, x: &[f32], out: &mut [f32]) {
    for (index, out) in out.iter_mut().enumerate() {
        let (mut rest, mut place) = (index, Some(0));
        for axis in copy.axes.iter().rev() {
            let size = axis.size as usize;
            place = place.zip(u32::try_from(rest % size).ok().and_then(|i| axis.place(i))).map(|(a, b)| a + b);
            rest /= size;
        }
        *out = place.map_or(0.0, |place: usize| x[place]);
    }
}

/// The same, a line along the last axis at a time.
pub fn cpu(copy: &Strided, x: &[f32], out: &mut [f32]) {
    let (outer, last) = (&copy.axes[..AXES - 1], copy.axes[AXES - 1]);
    let contiguous = last.stride == 1 && !last.wrap && last.shift >= 0 && last.place(last.size - 1).is_some();
    let along: Vec<Option<usize>> = (0..last.size).map(|i| last.place(i)).collect();
    for (index, line) in out.chunks_exact_mut(along.len()).enumerate() {
        let (mut rest, mut start) = (index, Some(0));
        for axis in outer.iter().rev() {
            let size = axis.size as usize;
            start = start.zip(u32::try_from(rest % size).ok().and_then(|i| axis.place(i))).map(|(a, b)| a + b);
            rest /= size;
        }
        match (start, along[0]) {
            (None, _) => line.fill(0.0),
            (Some(start), Some(first)) if contiguous => line.copy_from_slice(&x[start + first..][..along.len()]),
            (Some(start), _) => {
                for (value, place) in line.iter_mut().zip(&along) {
                    *value = place.map_or(0.0, |place| x[start + place]);
                }
            }
        }
    }
}

/// a `[…, n, …]`, b `[…, m, …]` → `[…, n + m, …]`; `left` and `right` are what one index of the leading axes holds.
pub fn concat(a: &[f32], b: &[f32], left: usize, right: usize, out: &mut [f32]) {
    for (index, out) in out.chunks_exact_mut(left + right).enumerate() {
        out[..left].copy_from_slice(&a[index * left..][..left]);
        out[left..].copy_from_slice(&b[index * right..][..right]);
    }
}
