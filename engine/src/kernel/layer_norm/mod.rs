//! Layer norm: `(x - mean) / sqrt(variance + ε) · scale + shift` per row, of x or of x + residual.

/// x, residual, out `[…, H]`; scale, shift `[H]`. Sums in 64 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "back to f32; a width")]
pub fn reference(x: &[f32], residual: Option<&[f32]>, scale: &[f32], shift: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = scale.len();
    for (index, out) in out.chunks_exact_mut(width).enumerate() {
        let at = |column: usize| {
            let position = index * width + column;
            f64::from(x[position]) + residual.map_or(0.0, |residual| f64::from(residual[position]))
        };
        let mean = (0..width).map(at).sum::<f64>() / width as f64;
        let variance = (0..width).map(|column| (at(column) - mean).powi(2)).sum::<f64>() / width as f64;
        let inverse = 1.0 / (variance + f64::from(epsilon)).sqrt();
        for (column, out) in out.iter_mut().enumerate() {
            *out = ((at(column) - mean) * inverse * f64::from(scale[column]) + f64::from(shift[column])) as f32;
        }
    }
}

/// The same in 32 bits, with sums over sixteen columns at a time.
#[expect(clippy::cast_precision_loss, reason = "a width")]
pub fn cpu(x: &[f32], residual: Option<&[f32]>, scale: &[f32], shift: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = scale.len();
    for (index, out) in out.chunks_exact_mut(width).enumerate() {
        out.copy_from_slice(&x[index * width..][..width]);
        if let Some(residual) = residual {
            for (out, residual) in out.iter_mut().zip(&residual[index * width..]) {
                *out += residual;
            }
        }
        let mean = sum(out, |v| v) / width as f32;
        let variance = sum(out, |v| (v - mean) * (v - mean)) / width as f32;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for ((out, scale), shift) in out.iter_mut().zip(scale).zip(shift) {
            *out = (*out - mean) * inverse * scale + shift;
        }
    }
}

/// Sum of `term` over a row, in sixteen partial sums.
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut partial = [0.0_f32; 16];
    let mut chunks = row.chunks_exact(16);
    for chunk in &mut chunks {
        for (partial, &value) in partial.iter_mut().zip(chunk) {
            *partial += term(value);
        }
    }
    let rest: f32 = chunks.remainder().iter().map(|&value| term(value)).sum();
    partial.iter().sum::<f32>() + rest
}
