//! The plain forms, with sums in 64 bits.

use super::MASKED;

/// q `[B, S, H]`, k `[B, T, H]` → out `[B, heads, S, T]`
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn scores(q: &[f32], k: &[f32], q_shape: &[usize], k_shape: &[usize], heads: usize, scale: f32, out: &mut [f32]) {
    let (s, t, hidden) = (q_shape[1], k_shape[1], q_shape[2]);
    let width = hidden / heads;
    for (index, out) in out.iter_mut().enumerate() {
        let (j, i, head, batch) = (index % t, index / t % s, index / t / s % heads, index / t / s / heads);
        let q = &q[(batch * s + i) * hidden + head * width..][..width];
        let k = &k[(batch * t + j) * hidden + head * width..][..width];
        let sum: f64 = q.iter().zip(k).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
        *out = (sum * f64::from(scale)) as f32;
    }
}

/// scores `[B, heads, S, T]` in place, mask `[B, T]`
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn softmax(mask: Option<&[i32]>, [s, t]: [usize; 2], causal: bool, scores: &mut [f32]) {
    let per_batch = mask.map_or(1, |mask| scores.len() * t / mask.len());
    for (index, row) in scores.chunks_exact_mut(t).enumerate() {
        for (j, score) in row.iter_mut().enumerate() {
            let padding = mask.is_some_and(|mask| mask[index * t / per_batch * t + j] == 0);
            if padding || causal && j + s > index % s + t {
                *score = MASKED;
            }
        }
        let largest = row.iter().copied().fold(f32::MIN, f32::max);
        let sum: f64 = row.iter().map(|&score| f64::from(score - largest).exp()).sum();
        for score in row {
            *score = (f64::from(*score - largest).exp() / sum) as f32;
        }
    }
}

/// shares `[B, heads, S, T]`, v `[B, T, H]` → out `[B, S, H]`
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn context(shares: &[f32], v: &[f32], shape: &[usize], hidden: usize, out: &mut [f32]) {
    let (heads, s, t) = (shape[1], shape[2], shape[3]);
    let width = hidden / heads;
    for (index, out) in out.iter_mut().enumerate() {
        let (column, i, batch) = (index % hidden, index / hidden % s, index / hidden / s);
        let shares = &shares[((batch * heads + column / width) * s + i) * t..][..t];
        let terms = shares.iter().enumerate();
        let sum: f64 =
            terms.map(|(j, &share)| f64::from(share) * f64::from(v[(batch * t + j) * hidden + column])).sum();
        *out = sum as f32;
    }
}
