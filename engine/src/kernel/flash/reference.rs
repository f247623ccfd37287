//! The plain form, query by query, with sums in 64 bits.

use super::{Attention, join::part};
use crate::kernel::attention::MASKED;

/// `[B, S, heads · d]`, or parts of it.
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn run(what: &Attention<'_>, out: &mut [f32]) {
    if what.splits.is_some() {
        let mut result = vec![0.0; what.query.len()];
        run(&Attention { splits: None, ..*what }, &mut result);
        return part(&result, what.key.place.width, out);
    }
    let (keys, width) = (what.sight.keys, what.key.place.width);
    for row in 0..what.rows() {
        let (head, i, batch) = (row % what.heads, row / what.heads % what.length, row / what.heads / what.length);
        let start = what.start(batch, head, i);
        let query = &what.query[start..start + width];
        let group = head / (what.heads / what.key.place.heads);
        let scores: Vec<(usize, f64)> = (0..keys)
            .filter(|&j| what.sight.sees(i, j))
            .map(|j| {
                let key = &what.key.data[what.key.place.start(batch, group, j)..][..width];
                let product: f64 = query.iter().zip(key).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
                let score = what.score([batch, head, i, j], (product * f64::from(what.scale)) as f32);
                (j, f64::from(score))
            })
            .collect();
        let largest = scores.iter().fold(f64::from(MASKED), |largest, (_, score)| largest.max(*score));
        let sum: f64 = scores.iter().map(|(_, score)| (score - largest).exp()).sum();
        for (c, out) in out[start..start + width].iter_mut().enumerate() {
            let term = |&(j, score): &(usize, f64)| {
                let value = what.value.data[what.value.place.start(batch, group, j) + c];
                (score - largest).exp() / sum * f64::from(value)
            };
            *out = scores.iter().map(term).sum::<f64>() as f32;
        }
    }
}
