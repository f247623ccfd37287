//! From a sequence of hidden states to one vector: the first row, the mean, and vectors of length 1.

/// x `[B, S, H]` → out `[B, H]`
pub fn first_row(x: &[f32], length: usize, width: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(length * width).zip(out.chunks_exact_mut(width)) {
        out.copy_from_slice(&x[..width]);
    }
}

/// x `[B, S, H]`, mask `[B, S]` → out `[B, H]`: the mean where the mask is not 0, and 0 if it is 0 everywhere.
pub fn mean_rows(x: &[f32], mask: &[i32], length: usize, width: usize, out: &mut [f32]) {
    let batches = x.chunks_exact(length * width).zip(mask.chunks_exact(length));
    for ((x, mask), out) in batches.zip(out.chunks_exact_mut(width)) {
        out.fill(0.0);
        let mut count = 0.0;
        for (row, _) in x.chunks_exact(width).zip(mask).filter(|(_, mask)| **mask != 0) {
            count += 1.0;
            for (out, value) in out.iter_mut().zip(row) {
                *out += value;
            }
        }
        out.iter_mut().for_each(|out| *out /= f32::max(count, 1e-9));
    }
}

/// x `[…, H]` → out: every row divided by its length.
pub fn normalize(x: &[f32], width: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let length = x.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
        for (out, value) in out.iter_mut().zip(x) {
            *out = value / length;
        }
    }
}
