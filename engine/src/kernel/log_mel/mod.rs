//! Logarithm of the power in mel bands, frame by frame.

/// Frames of at most so many samples are transformed on a GPU: both sides of a pass have to fit 16 KiB, which every
/// device shares in a workgroup.
pub const LONGEST: usize = 1024;
/// Factors of a length, at most.
pub const FACTORS: usize = 12;
/// The smallest power that is told apart from silence.
const FLOOR: f64 = 1e-10;

/// What is cut where.
#[derive(Clone, Copy)]
pub struct Cut<'a> {
    /// Samples of every clip.
    pub lengths: &'a [i32],
    /// Samples from one clip to the next.
    pub stride: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
    /// Frames of a clip.
    pub frames: usize,
}

/// samples `[C, N]`, table `[3, n]`, edges `[M, 3]`, weights → out `[C, F, M]`. The transform is its definition, in f64.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "back to f32; edges are places")]
pub fn reference(samples: &[f32], cut: Cut<'_>, table: &[f32], edges: &[i32], weights: &[f32], out: &mut [f32]) {
    let n = table.len() / 3;
    let bands = edges.len() / 3;
    let clips = samples.chunks_exact(cut.stride.max(1)).zip(cut.lengths);
    for ((clip, &length), out) in clips.zip(out.chunks_exact_mut((cut.frames * bands).max(1))) {
        for (frame, out) in out.chunks_exact_mut(bands).enumerate() {
            let windowed =
                |i: usize| f64::from(clip[mirrored(frame * cut.hop + i, n / 2, length as usize)]) * f64::from(table[i]);
            let frame: Vec<f64> = (0..n).map(windowed).collect();
            let power = |bin: usize| {
                let part = |offset: usize| {
                    let turned = |(i, x): (usize, &f64)| x * f64::from(table[offset + i * bin % n]);
                    frame.iter().enumerate().map(turned).sum::<f64>()
                };
                part(n).powi(2) + part(2 * n).powi(2)
            };
            let power: Vec<f64> = (0..=n / 2).map(power).collect();
            for (out, edge) in out.iter_mut().zip(edges.chunks_exact(3)) {
                let [bin, begin, end] = [edge[0] as usize, edge[1] as usize, edge[2] as usize];
                let weighed = weights[begin..end].iter().zip(&power[bin..]).map(|(w, p)| f64::from(*w) * p);
                *out = weighed.sum::<f64>().max(FLOOR).log10() as f32;
            }
        }
    }
}

/// The sample at `position` of a clip with `pad` mirrored ones in front; the edge itself is not repeated.
fn mirrored(position: usize, pad: usize, length: usize) -> usize {
    let period = 2 * length.max(1) - 2;
    if period == 0 {
        return 0;
    }
    let place = (position + period * pad.div_ceil(period) - pad) % period;
    place.min(period - place)
}

/// The factors of a length, fours first; `None` when there are too many, which no length up to [`LONGEST`] has.
#[must_use]
pub fn factors(length: usize) -> Option<Vec<usize>> {
    let mut factors = Vec::new();
    let mut rest = length.max(1);
    for factor in std::iter::once(4).chain(2..) {
        while rest.is_multiple_of(factor) {
            factors.push(factor);
            rest /= factor;
        }
        if rest == 1 {
            break;
        }
    }
    (factors.len() <= FACTORS).then_some(factors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_the_product_of_its_factors() {
        for length in 1..=LONGEST {
            let factors = factors(length).expect("few");
            assert_eq!(factors.iter().product::<usize>(), length);
        }
        assert_eq!(factors(400), Some(vec![4, 4, 5, 5]));
        assert_eq!(factors(1024), Some(vec![4; 5]));
        assert_eq!(factors(1), Some(vec![]));
        assert_eq!(factors(1 << 40), None);
    }
}
