//! The weights of one group as calibration looks at them: all that is asked of a fit comes from one pass.

use super::{Layout, calibration::Fit};

/// Weights that are looked at together: two registers of four.
pub const LANES: usize = 8;

/// A group, filled up with zeros, which every fit meets exactly.
pub struct Group {
    weights: Vec<[f32; LANES]>,
    importance: Vec<[f32; LANES]>,
    is_weighed: bool,
    layout: Layout,
}

impl Group {
    /// Of weights that are finite, and of the importance of their columns, where it is known.
    #[must_use]
    pub fn new(given: &[f32], importance: Option<&[f32]>, layout: Layout) -> Self {
        let weights = filled(given);
        let alike = || vec![[1.0; LANES]; weights.len()];
        let (importance, is_weighed) = (importance.map_or_else(alike, filled), importance.is_some());
        Self { weights, importance, is_weighed, layout }
    }

    /// Whether columns matter differently.
    #[must_use]
    pub fn is_weighed(&self) -> bool {
        self.is_weighed
    }

    /// Sums over all weights of what `of` makes of each, given the code it gets, counted from the zero point, and the
    /// weight itself, both in steps, and how much it matters. A scale of 0 has no steps.
    #[must_use]
    pub fn sums<const N: usize>(&self, fit: Fit, of: impl Fn(f32, f32, f32) -> [f32; N]) -> [f32; N] {
        let codes = self.layout.codes();
        let (least, most, zero) = (*codes.start() as f32, *codes.end() as f32, fit.zero as f32);
        let inverse = 1.0 / fit.scale;
        let mut sums = [[0.0; LANES]; N];
        for (weights, importance) in self.weights.iter().zip(&self.importance) {
            // Turned before they are added: only so does the compiler keep all of it in vectors, in the page too.
            let mut terms = [[0.0; LANES]; N];
            for (lane, (weight, matters)) in weights.iter().zip(importance).enumerate() {
                let steps = weight * inverse;
                let code = nearest((steps + zero).clamp(least, most)) - zero;
                for (terms, term) in terms.iter_mut().zip(of(code, steps, *matters)) {
                    terms[lane] = term;
                }
            }
            for (sums, terms) in sums.iter_mut().zip(terms) {
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += term;
                }
            }
        }
        sums.map(|lanes| lanes.iter().sum())
    }
}

/// Values by `LANES`, the last filled up.
fn filled(values: &[f32]) -> Vec<[f32; LANES]> {
    let lanes = |values: &[f32]| std::array::from_fn(|lane| values.get(lane).copied().unwrap_or(0.0));
    values.chunks(LANES).map(lanes).collect()
}

/// The nearest integer, ties to even, of a number up to 2²²: a float that large has no room for fractions. Unlike a
/// call of the system's function this is two instructions for four numbers.
#[must_use]
pub fn nearest(number: f32) -> f32 {
    const NO_FRACTIONS: f32 = 12_582_912.0;
    (number + NO_FRACTIONS) - NO_FRACTIONS
}

/// `size`^−0.3 of a number from 2⁻³ to 2²⁰, off by less than 2 thousandths: a guess by the exponent, and the first
/// terms of the series of d = 1 − size³ · guess¹⁰, which is 0 for the root.
#[must_use]
#[inline(always)]
pub fn inverse_root(size: f32) -> f32 {
    const ONE: i32 = 1.0_f32.to_bits().cast_signed();
    // Bits of a float are about its logarithm; what the guess is too large by, as the series likes it best.
    const OFF: i32 = 580_000;
    let logarithm = size.to_bits().cast_signed() - ONE;
    let part = (logarithm >> 2) + (logarithm >> 5) + (logarithm >> 6) + (logarithm >> 9) + (logarithm >> 10);
    let guess = f32::from_bits((ONE - part - OFF).cast_unsigned());
    let square = guess * guess;
    let fourth = square * square;
    let away = 1.0 - (size * size * size) * (fourth * fourth) * square;
    guess + guess * away * (0.1 + 0.055 * away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_as_exact_as_they_say() {
        let mut size = 0.125_f32;
        let mut worst = 0.0_f64;
        while size < 1_048_576.0 {
            let want = f64::from(size).powf(-0.3);
            worst = worst.max((f64::from(inverse_root(size)) / want - 1.0).abs());
            size *= 1.000_7;
        }
        assert!(worst < 2e-3, "{worst:.2e}");
    }

    #[test]
    fn halves_go_to_the_even_side() {
        for number in [-128.0_f32, -2.5, -1.5, -0.5, -0.2, 0.0, 0.49, 0.5, 1.5, 2.5, 14.51, 127.0] {
            assert_eq!(nearest(number), number.round_ties_even(), "{number}");
        }
    }

    #[test]
    fn sums_are_those_of_every_weight() {
        let weights: Vec<f32> = (0..21_u8).map(|i| f32::from(i) * 0.3 - 2.2).collect();
        let importance: Vec<f32> = (0..21_u8).map(f32::from).collect();
        let layout = Layout { rows: 1, columns: 21, bits: 4, group: 32, zeros: true };
        let fit = Fit { scale: 0.25, zero: 7 };
        let group = Group::new(&weights, Some(&importance), layout);
        let [errors, weighed] =
            group.sums(fit, |code, steps, matters| [(steps - code).abs(), matters * (steps - code).powi(2)]);
        let error = |weight: &f32| (weight - fit.weight(fit.code(*weight, layout))) / fit.scale;
        let want = weights.iter().map(|weight| error(weight).abs()).sum::<f32>();
        assert!((errors - want).abs() < 1e-4 * want, "{errors} {want}");
        let want = weights.iter().zip(&importance).map(|(weight, of)| of * error(weight).powi(2)).sum::<f32>();
        assert!((weighed - want).abs() < 1e-4 * want, "{weighed} {want}");
    }
}
