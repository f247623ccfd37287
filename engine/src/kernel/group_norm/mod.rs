//! Group norm: a norm over all positions and the channels of a group, scaled and shifted per channel.

/// x, out `[B, …, C]`, scale and shift `[C]`, `positions` between batch and channels, without the activation.
/// Sums in 64 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "back to f32; a count")]
pub fn reference(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    positions: usize,
    (groups, epsilon): (usize, f32),
    out: &mut [f32],
) {
    let (channels, width) = (scale.len(), scale.len() / groups);
    for (x, out) in x.chunks_exact(positions * channels).zip(out.chunks_exact_mut(positions * channels)) {
        for group in 0..groups {
            let places = || (0..positions * width).map(|i| i / width * channels + group * width + i % width);
            let count = (positions * width) as f64;
            let mean = places().map(|place| f64::from(x[place])).sum::<f64>() / count;
            let variance = places().map(|place| (f64::from(x[place]) - mean).powi(2)).sum::<f64>() / count;
            let inverse = 1.0 / (variance + f64::from(epsilon)).sqrt();
            for place in places() {
                let channel = place % channels;
                let normal = (f64::from(x[place]) - mean) * inverse;
                out[place] = (normal * f64::from(scale[channel]) + f64::from(shift[channel])) as f32;
            }
        }
    }
}

/// The same, reading x line by line: sums of all groups side by side.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "back to f32; a count")]
pub fn cpu(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    positions: usize,
    (groups, epsilon): (usize, f32),
    out: &mut [f32],
) {
    let (channels, width) = (scale.len(), scale.len() / groups);
    let count = (positions * width) as f64;
    for (x, out) in x.chunks_exact(positions * channels).zip(out.chunks_exact_mut(positions * channels)) {
        // Over many positions 32 bits lose too much.
        let over_groups = |term: &dyn Fn(f32, f64) -> f64, center: &[f64]| {
            let mut sums = vec![0.0_f64; groups];
            for line in x.chunks_exact(channels) {
                for ((sum, values), &center) in sums.iter_mut().zip(line.chunks_exact(width)).zip(center) {
                    *sum += values.iter().map(|&value| term(value, center)).sum::<f64>();
                }
            }
            sums.iter_mut().for_each(|sum| *sum /= count);
            sums
        };
        let means = over_groups(&|value, _| f64::from(value), &vec![0.0; groups]);
        let variances = over_groups(&|value, mean| (f64::from(value) - mean).powi(2), &means);
        let factor = |c: usize| f64::from(scale[c]) / (variances[c / width] + f64::from(epsilon)).sqrt();
        let factors: Vec<f32> = (0..channels).map(|c| factor(c) as f32).collect();
        let means: Vec<f32> = (0..channels).map(|c| means[c / width] as f32).collect();
        for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
            for (c, (x, out)) in x.iter().zip(out).enumerate() {
                *out = (x - means[c]) * factors[c] + shift[c];
            }
        }
    }
}
