//! Weight norm: directions and lengths of a window's taps → the window (Salimans & Kingma 2016).

/// directions `[…, K]`, lengths `[K]` → out `[…, K]`: every tap with its length. Sums in 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn reference(directions: &[f32], lengths: &[f32], out: &mut [f32]) {
    let mut squares = vec![0.0_f64; lengths.len()];
    for line in directions.chunks_exact(lengths.len()) {
        for (sum, value) in squares.iter_mut().zip(line) {
            *sum += f64::from(*value).powi(2);
        }
    }
    let factors: Vec<f32> =
        squares.iter().zip(lengths).map(|(sum, length)| (f64::from(*length) / sum.sqrt()) as f32).collect();
    for (line, out) in directions.chunks_exact(lengths.len()).zip(out.chunks_exact_mut(lengths.len())) {
        for ((out, value), factor) in out.iter_mut().zip(line).zip(&factors) {
            *out = value * factor;
        }
    }
}
