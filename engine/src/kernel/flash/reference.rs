//! The plain form, query by query, with sums in 64 bits.

use super::{Attention, join::part};
use crate::kernel::{attention::MASKED, grouped::Memory, memory};

/// `[B, S, heads · d]`, or parts of it.
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn run(what: &Attention<'_>, out: &mut [f32]) {
    if what.splits.is_some() {
        let mut result = vec![0.0; what.query.len()];
        run(&Attention { splits: None, ..*what }, &mut result);
        return part(&result, what.width, out);
    }
    let (used, width) = (what.sight.used(), what.width);
    let read = |memory: &Memory<'_>, start: usize| {
        let mut row = vec![0.0; width];
        let words = &memory.data[start..start + what.stored.words(width)];
        memory::read(what.stored, bytemuck::cast_slice(words), &mut row);
        row
    };
    for row in 0..what.rows() {
        let (head, i, batch) = (row % what.heads, row / what.heads % what.length, row / what.heads / what.length);
        let start = what.start(batch, head, i);
        let query = &what.query[start..start + width];
        let group = head / (what.heads / what.key.place.heads);
        let seen = |row: usize| {
            let token = what.token(batch, head, row)?;
            what.sight.sees(i, token).then_some((row, token))
        };
        let scores: Vec<(Vec<f32>, f64)> = (0..used)
            .filter_map(seen)
            .map(|(row, token)| {
                let key = read(&what.key, what.key.place.start(batch, group, row));
                let product: f64 = query.iter().zip(&key).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
                let score = what.score([batch, head, i, token], (product * f64::from(what.scale)) as f32);
                (read(&what.value, what.value.place.start(batch, group, row)), f64::from(score))
            })
            .collect();
        let largest = scores.iter().fold(f64::from(MASKED), |largest, (_, score)| largest.max(*score));
        let sum: f64 = scores.iter().map(|(_, score)| (score - largest).exp()).sum();
        for (c, out) in out[start..start + width].iter_mut().enumerate() {
            let term = |(value, score): &(Vec<f32>, f64)| (score - largest).exp() / sum * f64::from(value[c]);
            *out = scores.iter().map(term).sum::<f64>() as f32;
        }
    }
}
