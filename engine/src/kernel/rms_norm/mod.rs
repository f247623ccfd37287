//! RMS norm: `x / √(mean x² + ε) · scale` per row (Zhang & Sennrich 2019).

/// x, out `[…, H]`; scale `[H]`. Sums in 64 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "back to f32; a width")]
pub fn reference(x: &[f32], scale: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = scale.len();
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mean = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / width as f64;
        let inverse = 1.0 / (mean + f64::from(epsilon)).sqrt();
        for ((out, &x), &scale) in out.iter_mut().zip(x).zip(scale) {
            *out = (f64::from(x) * inverse * f64::from(scale)) as f32;
        }
    }
}

/// The same in 32 bits, with sums over sixteen columns at a time.
#[expect(clippy::cast_precision_loss, reason = "a width")]
pub fn cpu(x: &[f32], scale: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = scale.len();
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mut partial = [0.0_f32; 16];
        let (whole, rest) = x.as_chunks::<16>();
        for chunk in whole {
            for (partial, value) in partial.iter_mut().zip(chunk) {
                *partial += value * value;
            }
        }
        let sum = partial.iter().sum::<f32>() + rest.iter().map(|v| v * v).sum::<f32>();
        let inverse = 1.0 / (sum / width as f32 + epsilon).sqrt();
        for ((out, x), scale) in out.iter_mut().zip(x).zip(scale) {
            *out = x * inverse * scale;
        }
    }
}
