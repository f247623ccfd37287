//! Mean, variance and largest value of long rows, in parts that are computed side by side, and what is made of them.

/// Count, mean, sum of squared distances from the mean, largest value.
pub type Moments = [f32; 4];

/// Values of row x `[L]` that the parts of a survey look at: as many in each, up to `length`.
fn parts(x: &[f32], length: i32, parts: usize) -> impl Iterator<Item = &[f32]> {
    let part = x.len().div_ceil(parts.max(1));
    let known = usize::try_from(length).unwrap_or(0).min(x.len());
    (0..parts).map(move |index| &x[(index * part).min(known)..((index + 1) * part).min(known)])
}

/// x `[C, L]`, lengths `[C]` → out `[C, parts, 4]`
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "sums in f64, results in f32")]
pub fn survey(x: &[f32], lengths: &[i32], count: usize, out: &mut [f32]) {
    let width = x.len() / lengths.len().max(1);
    let rows = x.chunks_exact(width.max(1)).zip(lengths);
    for ((row, &length), out) in rows.zip(out.chunks_exact_mut(4 * count)) {
        for (part, out) in parts(row, length, count).zip(out.chunks_exact_mut(4)) {
            let n = part.len() as f64;
            let mean = part.iter().copied().map(f64::from).sum::<f64>() / n.max(1.0);
            let squares = part.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
            let largest = part.iter().copied().fold(f32::MIN, f32::max);
            out.copy_from_slice(&[n as f32, mean as f32, squares as f32, largest]);
        }
    }
}

/// survey `[C, parts, 4]` → out `[C, 4]`, joined as in T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating Formulae and
/// a Pairwise Algorithm for Computing Sample Variances", 1979.
pub fn total(survey: &[f32], parts: usize, out: &mut [f32]) {
    for (row, out) in survey.chunks_exact(4 * parts).zip(out.chunks_exact_mut(4)) {
        let mut total: Moments = [0.0, 0.0, 0.0, f32::MIN];
        for part in row.chunks_exact(4) {
            let count = total[0] + part[0];
            if part[0] > 0.0 {
                let distance = part[1] - total[1];
                total[1] += distance * part[0] / count;
                total[2] += part[2] + distance * distance * total[0] * part[0] / count;
                total[0] = count;
            }
            total[3] = total[3].max(part[3]);
        }
        out.copy_from_slice(&total);
    }
}

/// x `[C, F, M]`, total `[C, 4]` → out `[C, M, F]`
pub fn decades(x: &[f32], total: &[f32], [frames, bands]: [usize; 2], range: f32, out: &mut [f32]) {
    let size = (frames * bands).max(1);
    for ((x, total), out) in x.chunks_exact(size).zip(total.chunks_exact(4)).zip(out.chunks_exact_mut(size)) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = (x[i % frames * bands + i / frames].max(total[3] - range) + 4.0) / 4.0;
        }
    }
}

/// x `[C, N]`, lengths `[C]`, total `[C, 4]` → out `[C, N]`
pub fn standardise(x: &[f32], lengths: &[i32], total: &[f32], [epsilon, padding]: [f32; 2], out: &mut [f32]) {
    let width = (x.len() / lengths.len().max(1)).max(1);
    let rows = x.chunks_exact(width).zip(lengths).zip(total.chunks_exact(4));
    for (((x, &length), total), out) in rows.zip(out.chunks_exact_mut(width)) {
        let scale = 1.0 / (total[2] / total[0].max(1.0) + epsilon).sqrt();
        for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
            let known = usize::try_from(length).is_ok_and(|length| i < length);
            *out = if known { (x - total[1]) * scale } else { padding };
        }
    }
}
