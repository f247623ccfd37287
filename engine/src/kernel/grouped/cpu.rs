//! The fast forms on the CPU.

use super::{Bias, Memory, Reach};
use crate::kernel::{
    attention::MASKED,
    matmul::{Rows, transposed},
};

/// q `[B, S, heads · d]` → out `[B, heads, S, T]`
pub fn scores(q: &[f32], length: usize, heads: usize, key: Memory<'_>, scale: f32, reach: Reach, out: &mut [f32]) {
    let (keys, width) = (key.place.rows, key.place.width);
    let count = reach.of(length - 1, keys);
    for (index, out) in out.chunks_exact_mut(length * keys).enumerate() {
        let (batch, head) = (index / heads, index % heads);
        let start = (batch * length * heads + head) * width;
        let q = Rows { data: q, start, stride: heads * width, count: length };
        let start = key.place.start(batch, head / (heads / key.place.heads), 0);
        let k = Rows { data: key.data, start, stride: key.place.strides[2], count };
        transposed(q, k, width, |i, j, sum| out[i * keys + j] = sum * scale);
    }
}

/// scores `[B, heads, S, T]` in place, mask `[B, T]`
pub fn softmax(mask: &[i32], shape: [usize; 4], reach: Reach, bias: Option<Bias<'_>>, scores: &mut [f32]) {
    let [_, heads, length, keys] = shape;
    for (index, row) in scores.chunks_exact_mut(keys).enumerate() {
        let (i, head, batch) = (index % length, index / length % heads, index / length / heads);
        let (row, behind) = row.split_at_mut(reach.of(i, keys));
        behind.fill(0.0);
        if let Some(bias) = bias {
            for (j, score) in row.iter_mut().enumerate() {
                *score += bias.at(j.cast_signed() - (reach.past + i).cast_signed(), head);
            }
        }
        let mut largest = f32::MIN;
        for (score, &mask) in row.iter_mut().zip(&mask[batch * keys..]) {
            *score = if mask == 0 { MASKED } else { *score };
            largest = largest.max(*score);
        }
        let mut sum = 0.0;
        for score in row.iter_mut() {
            *score = (*score - largest).exp();
            sum += *score;
        }
        let inverse = 1.0 / sum;
        row.iter_mut().for_each(|score| *score *= inverse);
    }
}

/// shares `[B, heads, S, T]` → out `[B, S, heads · d]`: rows of values, weighed and added.
pub fn context(shares: &[f32], shape: [usize; 4], value: Memory<'_>, reach: Reach, out: &mut [f32]) {
    let [_, heads, length, keys] = shape;
    let width = value.place.width;
    for (index, shares) in shares.chunks_exact(keys).enumerate() {
        let (i, head, batch) = (index % length, index / length % heads, index / length / heads);
        let out = &mut out[((batch * length + i) * heads + head) * width..][..width];
        out.fill(0.0);
        for (j, &share) in shares[..reach.of(i, keys)].iter().enumerate() {
            let start = value.place.start(batch, head / (heads / value.place.heads), j);
            for (out, &value) in out.iter_mut().zip(&value.data[start..start + width]) {
                *out += share * value;
            }
        }
    }
}
