//! From logits to ids: the largest, or one drawn from the likeliest.

use crate::graph::Sampling;

/// logits `[B, V]` → out `[B]`: the id of the largest, the first of equals. What is no number never wins.
pub fn argmax(logits: &[f32], vocabulary: usize, out: &mut [i32]) {
    for (row, out) in logits.chunks_exact(vocabulary).zip(out) {
        let mut best = (f32::NEG_INFINITY, 0);
        for (&value, id) in row.iter().zip(0..) {
            if value > best.0 {
                best = (value, id);
            }
        }
        *out = best.1;
    }
}

/// logits `[B, V]`, draws `[B]` from 0 to 1 → out `[B]`: the id at which the sum of the probabilities that
/// count, in the order of ids, passes the draw. Sums in 64 bits.
pub fn sample(logits: &[f32], draws: &[f32], vocabulary: usize, sampling: Sampling, out: &mut [i32]) {
    for ((row, &draw), out) in logits.chunks_exact(vocabulary).zip(draws).zip(out) {
        let largest = row.iter().copied().fold(f32::MIN, f32::max);
        let weight = |value: f32| (f64::from(value - largest) / f64::from(sampling.temperature)).exp();
        let least = if sampling.top_k > 0 && sampling.top_k < vocabulary {
            threshold(|least| row.iter().filter(|&&value| order(value) >= least).count() >= sampling.top_k)
        } else {
            0
        };
        let mass = |least: u32| row.iter().filter(|&&v| order(v) >= least).map(|&v| weight(v)).sum::<f64>();
        let least = if sampling.top_p < 1.0 {
            let enough = f64::from(sampling.top_p) * mass(least);
            least.max(threshold(|other| other < least || mass(other) >= enough))
        } else {
            least
        };
        let target = f64::from(draw) * mass(least);
        let mut sum = 0.0;
        let mut chosen = 0;
        for (&value, id) in row.iter().zip(0..) {
            if order(value) >= least {
                chosen = id;
                sum += weight(value);
                if sum > target {
                    break;
                }
            }
        }
        *out = chosen;
    }
}

/// A number that is larger for larger floats.
fn order(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The largest number for which `enough` holds, which holds up to some number and not behind it.
fn threshold(enough: impl Fn(u32) -> bool) -> u32 {
    (0..32).rev().fold(0, |least, bit| if enough(least | 1 << bit) { least | 1 << bit } else { least })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_likeliest_are_drawn() {
        let logits: Vec<f32> = [0.5_f32, 0.25, 0.15, 0.1].iter().map(|p| p.ln()).collect();
        let drawn = |top_k, top_p, draw| {
            let mut out = [0];
            sample(&logits, &[draw], 4, Sampling { temperature: 1.0, top_k, top_p }, &mut out);
            out[0]
        };
        assert_eq!([0.0, 0.49, 0.51, 0.76, 0.95].map(|draw| drawn(0, 1.0, draw)), [0, 0, 1, 2, 3]);
        // Two of them: their shares are 2/3 and 1/3.
        assert_eq!([0.0, 0.66, 0.67, 0.99].map(|draw| drawn(2, 1.0, draw)), [0, 0, 1, 1]);
        // The largest two reach 0.7 together, the largest alone does not.
        assert_eq!([0.66, 0.67, 0.99].map(|draw| drawn(0, 0.7, draw)), [0, 1, 1]);
        assert_eq!(drawn(0, 0.4, 0.99), 0);
        // Of the first three, the largest two have 5/6.
        assert_eq!([0.66, 0.67, 0.99].map(|draw| drawn(3, 0.8, draw)), [0, 1, 1]);
        assert_eq!(drawn(0, 1.0, 1.0), 3);
    }

    #[test]
    fn the_first_of_equals_is_the_largest() {
        let mut out = [0; 2];
        argmax(&[1.0, 3.0, 3.0, f32::NAN, -1.0, -2.0], 3, &mut out);
        assert_eq!(out, [1, 1]);
    }
}
