//! Batch norm with known statistics: `(x - mean) / sqrt(variance + ε) · scale + shift + residual` per channel.

/// Mean, variance, scale and shift, each `[C]`.
pub type Statistics<'a> = [&'a [f32]; 4];

/// x, residual, out `[…, C]`, without the activation. In 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn reference(x: &[f32], by: Statistics<'_>, residual: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    for (index, (out, x)) in out.iter_mut().zip(x).enumerate() {
        let [mean, variance, scale, shift] = by.map(|values| f64::from(values[index % values.len()]));
        let normal = (f64::from(*x) - mean) / (variance + f64::from(epsilon)).sqrt();
        *out = (normal * scale + shift + residual.map_or(0.0, |residual| f64::from(residual[index]))) as f32;
    }
}

/// The same in 32 bits, with one factor and one term per channel.
pub fn cpu(x: &[f32], by: Statistics<'_>, residual: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    let [mean, variance, scale, shift] = by;
    let factors: Vec<f32> = variance.iter().zip(scale).map(|(v, scale)| scale / (v + epsilon).sqrt()).collect();
    let channels = factors.len();
    for (index, (out, x)) in out.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
        for (c, (out, x)) in out.iter_mut().zip(x).enumerate() {
            *out = (x - mean[c]) * factors[c] + shift[c];
        }
        if let Some(residual) = residual {
            for (out, residual) in out.iter_mut().zip(&residual[index * channels..]) {
                *out += residual;
            }
        }
    }
}
