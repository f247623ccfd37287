//! Rows between two rows.

/// x `[C, R, W]`, rows `[C, S, 2]`, shares `[C, S]` → out `[C, S, W]`: (1 − share) of the first row, share of the second.
#[expect(clippy::cast_sign_loss, reason = "numbers of rows")]
pub fn reference(x: &[f32], rows: &[i32], shares: &[f32], [count, width]: [usize; 2], clips: usize, out: &mut [f32]) {
    let blends = shares.len() / clips.max(1);
    for (index, (pair, share)) in rows.chunks_exact(2).zip(shares).enumerate() {
        let row = |row: i32| &x[(index / blends * count + (row as usize).min(count - 1)) * width..][..width];
        let out = &mut out[index * width..][..width];
        for ((out, first), second) in out.iter_mut().zip(row(pair[0])).zip(row(pair[1])) {
            *out = first * (1.0 - share) + second * share;
        }
    }
}
