//! The plain forms, with sums in 64 bits.

use super::{Bias, Memory, Reach};
use crate::kernel::attention::MASKED;

/// q `[B, S, heads · d]` → out `[B, heads, S, T]`
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn scores(q: &[f32], length: usize, heads: usize, key: Memory<'_>, scale: f32, reach: Reach, out: &mut [f32]) {
    let (keys, width) = (key.place.rows, key.place.width);
    for (index, out) in out.iter_mut().enumerate() {
        let (j, i, head, batch) =
            (index % keys, index / keys % length, index / keys / length % heads, index / keys / length / heads);
        if j >= reach.of(length - 1, keys) {
            continue;
        }
        let q = &q[((batch * length + i) * heads + head) * width..][..width];
        let k = &key.data[key.place.start(batch, head / (heads / key.place.heads), j)..][..width];
        let sum: f64 = q.iter().zip(k).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
        *out = (sum * f64::from(scale)) as f32;
    }
}

/// scores `[B, heads, S, T]` in place, mask `[B, T]`
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn softmax(mask: &[i32], shape: [usize; 4], reach: Reach, bias: Option<Bias<'_>>, scores: &mut [f32]) {
    let [_, heads, length, keys] = shape;
    for (index, row) in scores.chunks_exact_mut(keys).enumerate() {
        let (i, head, batch) = (index % length, index / length % heads, index / length / heads);
        let (row, behind) = row.split_at_mut(reach.of(i, keys));
        behind.fill(0.0);
        for (j, score) in row.iter_mut().enumerate() {
            let distance = j.cast_signed() - (reach.past + i).cast_signed();
            *score += bias.map_or(0.0, |bias| bias.at(distance, head));
            *score = if mask[batch * keys + j] == 0 { MASKED } else { *score };
        }
        let largest = row.iter().copied().fold(f32::MIN, f32::max);
        let sum: f64 = row.iter().map(|&score| f64::from(score - largest).exp()).sum();
        for score in row {
            *score = (f64::from(*score - largest).exp() / sum) as f32;
        }
    }
}

/// shares `[B, heads, S, T]` → out `[B, S, heads · d]`
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn context(shares: &[f32], shape: [usize; 4], value: Memory<'_>, reach: Reach, out: &mut [f32]) {
    let [_, heads, length, keys] = shape;
    let width = value.place.width;
    for (index, out) in out.iter_mut().enumerate() {
        let (c, head, i, batch) =
            (index % width, index / width % heads, index / width / heads % length, index / width / heads / length);
        let shares = &shares[((batch * heads + head) * length + i) * keys..][..reach.of(i, keys)];
        let term = |(j, &share): (usize, &f32)| {
            let start = value.place.start(batch, head / (heads / value.place.heads), j);
            f64::from(share) * f64::from(value.data[start + c])
        };
        *out = shares.iter().enumerate().map(term).sum::<f64>() as f32;
    }
}
