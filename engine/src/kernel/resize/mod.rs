//! Cubic interpolation along rows with aligned corners (Keys 1981, with a = -0.75).

/// x `[…, from, W]` → out `[…, to, W]`; rows past an end are the last one there.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "back to f32; sizes")]
pub fn reference(x: &[f32], from: usize, to: usize, width: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(from * width).zip(out.chunks_exact_mut(to * width)) {
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            // Exact, where a product of floats would be off by the position's last bit.
            let place = row * (from - 1);
            let (whole, part) = (place / (to - 1).max(1), place % (to - 1).max(1));
            let t = part as f64 / (to - 1).max(1) as f64;
            let near = |t: f64| (1.25 * t - 2.25) * t * t + 1.0;
            let far = |t: f64| ((-0.75 * t + 3.75) * t - 6.0) * t + 3.0;
            let taps = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
            let rows = [whole.saturating_sub(1), whole, (whole + 1).min(from - 1), (whole + 2).min(from - 1)];
            for (column, out) in out.iter_mut().enumerate() {
                let terms = taps.iter().zip(rows).map(|(tap, row)| tap * f64::from(x[row * width + column]));
                *out = terms.sum::<f64>() as f32;
            }
        }
    }
}
