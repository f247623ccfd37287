//! The fast forms on the CPU.

use super::MASKED;
use crate::kernel::matmul::{Rows, transposed};

/// q `[B, S, H]`, k `[B, T, H]` → out `[B, heads, S, T]`
pub fn scores(q: &[f32], k: &[f32], q_shape: &[usize], k_shape: &[usize], heads: usize, scale: f32, out: &mut [f32]) {
    let (s, t, hidden) = (q_shape[1], k_shape[1], q_shape[2]);
    let width = hidden / heads;
    for (index, out) in out.chunks_exact_mut(s * t).enumerate() {
        let (batch, head) = (index / heads, index % heads);
        let q = Rows { data: q, start: batch * s * hidden + head * width, stride: hidden, count: s };
        let k = Rows { data: k, start: batch * t * hidden + head * width, stride: hidden, count: t };
        transposed(q, k, width, |i, j, sum| out[i * t + j] = sum * scale);
    }
}

/// scores `[B, heads, S, T]` in place, mask `[B, T]`
pub fn softmax(mask: Option<&[i32]>, [s, t]: [usize; 2], causal: bool, scores: &mut [f32]) {
    let per_batch = mask.map_or(1, |mask| scores.len() * t / mask.len());
    for (index, row) in scores.chunks_exact_mut(t).enumerate() {
        if let Some(mask) = mask {
            let mask = &mask[index * t / per_batch * t..][..t];
            for (score, &mask) in row.iter_mut().zip(mask) {
                *score = if mask == 0 { MASKED } else { *score };
            }
        }
        if causal {
            row[(index % s + t + 1).saturating_sub(s).min(t)..].fill(MASKED);
        }
        let largest = row.iter().copied().fold(f32::MIN, f32::max);
        let mut sum = 0.0;
        for score in row.iter_mut() {
            *score = (*score - largest).exp();
            sum += *score;
        }
        let inverse = 1.0 / sum;
        row.iter_mut().for_each(|score| *score *= inverse);
    }
}

/// shares `[B, heads, S, T]`, v `[B, T, H]` → out `[B, S, H]`: rows of v, weighed and added.
pub fn context(shares: &[f32], v: &[f32], shape: &[usize], hidden: usize, out: &mut [f32]) {
    let (heads, s, t) = (shape[1], shape[2], shape[3]);
    let width = hidden / heads;
    for (index, shares) in shares.chunks_exact(t).enumerate() {
        let (batch, head, i) = (index / s / heads, index / s % heads, index % s);
        let out = &mut out[(batch * s + i) * hidden + head * width..][..width];
        out.fill(0.0);
        for (j, &share) in shares.iter().enumerate() {
            let v = &v[(batch * t + j) * hidden + head * width..][..width];
            for (out, &v) in out.iter_mut().zip(v) {
                *out += share * v;
            }
        }
    }
}
