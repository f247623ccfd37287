//! Scale and zero point of a group: from its range, or by searching for a smaller error.
//!
//! All numbers are in the units of the weights; a step is the distance between two neighbouring codes.

use half::f16;

use super::{
    Layout,
    group::{Group, LANES, inverse_root, nearest},
};
use crate::protocol::Calibration;

/// Scale and zero point of one group. The scale is exact in f16.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Distance between neighbouring codes; may be negative.
    pub scale: f32,
    /// The code that means 0.
    pub zero: i32,
}

impl Fit {
    fn new(scale: f32, zero: i32) -> Self {
        Self { scale: f16::from_f32(scale.clamp(f16::MIN.to_f32(), f16::MAX.to_f32())).to_f32(), zero }
    }

    /// The code nearest to a weight.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the codes")]
    pub fn code(self, weight: f32, layout: Layout) -> i32 {
        let (least, most) = (*layout.codes().start(), *layout.codes().end());
        let inverse = if self.scale == 0.0 { 0.0 } else { 1.0 / self.scale };
        nearest((weight * inverse + self.zero as f32).clamp(least as f32, most as f32)) as i32
    }

    /// The weight that a code stands for.
    #[must_use]
    pub fn weight(self, code: i32) -> f32 {
        (code - self.zero) as f32 * self.scale
    }

    /// The scale with which codes, counted from the zero point, come nearest to what they are to mean: from the sums of
    /// their products and squares in steps.
    fn scaled(self, products: f32, squares: f32) -> Self {
        if squares == 0.0 { self } else { Self::new(self.scale * (products / squares), self.zero) }
    }
}

/// Chooses scale and zero point for `group`, whose weights are finite. Only activations look at the `importance` of its
/// columns; where that isn't known, all matter alike.
#[must_use]
pub fn fit(group: &[f32], importance: Option<&[f32]>, layout: Layout, calibration: Calibration) -> Fit {
    let range = Range::of(group, layout);
    let whole = range.fit(1.0);
    // Nothing to search for: all codes mean the same.
    if calibration == Calibration::None || whole.scale == 0.0 {
        return whole;
    }
    let even = Group::new(group, None, layout);
    match calibration {
        Calibration::None => whole,
        Calibration::Hqq => half_quadratic(&even, range, group.len()),
        Calibration::Mse => clipped(&even, range, whole),
        Calibration::Activations => {
            let fit = clipped(&even, range, whole);
            if importance.is_some() { clipped(&Group::new(group, importance, layout), range, fit) } else { fit }
        }
    }
}

/// The least and the greatest weight of a group, and 0.
#[derive(Clone, Copy)]
struct Range {
    low: f32,
    high: f32,
    layout: Layout,
}

impl Range {
    fn of(group: &[f32], layout: Layout) -> Self {
        let mut lows = [0.0_f32; LANES];
        let mut highs = lows;
        for weights in group.chunks(LANES) {
            // Comparisons: of `min` and `max`, which have rules for what is no number, a page makes calls.
            for ((low, high), &weight) in lows.iter_mut().zip(&mut highs).zip(weights) {
                *low = if weight < *low { weight } else { *low };
                *high = if weight > *high { weight } else { *high };
            }
        }
        let (low, high) = lows.iter().zip(highs).fold((0.0_f32, 0.0_f32), |(a, b), (&c, d)| (a.min(c), b.max(d)));
        Self { low, high, layout }
    }

    /// Covers `share` of it. Without a zero point the weight of largest magnitude gets the code farthest from the
    /// middle, so that every code is used; the scale is negative if that weight is positive.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the codes")]
    fn fit(self, share: f32) -> Fit {
        let Self { low, high, layout } = self;
        let (least, most) = (*layout.codes().start(), *layout.codes().end());
        if layout.zeros {
            let fit = Fit::new((high - low) * share / (most - least) as f32, least);
            if fit.scale == 0.0 {
                return Fit { zero: layout.middle(), ..fit };
            }
            let zero = (least as f32 - low * share / fit.scale).round_ties_even();
            return Fit { zero: zero.clamp(least as f32, most as f32) as i32, ..fit };
        }
        let extreme = if high >= -low { high } else { low };
        Fit::new(extreme * share / (least - layout.middle()) as f32, layout.middle())
    }
}

/// Tries smaller ranges, each with the scale that suits its codes best, in search of less squared error than `given`
/// has: a few clipped weights against finer steps for all others. Where columns matter differently, neighbouring zero
/// points are tried too, and scales refined once more.
fn clipped(group: &Group, range: Range, given: Fit) -> Fit {
    const TRIES: u16 = 24;
    let layout = range.layout;
    let (least, most) = (*layout.codes().start(), *layout.codes().end());
    let turns = if group.is_weighed() { 2 } else { 1 };
    // Σ importance · error², and what refines the scale.
    let look = |fit: Fit| {
        let [errors, products, squares] = group.sums(fit, |code, steps, matters| {
            let error = steps - code;
            [error * error * matters, code * steps * matters, code * code * matters]
        });
        (errors * fit.scale * fit.scale, fit.scaled(products, squares))
    };
    let mut best = (look(given).0, given);
    for attempt in 0..TRIES {
        let ranged = range.fit(1.0 - f32::from(attempt) * 0.025);
        // Without a zero point either sign of the scale is possible: the side with one code more changes.
        let flipped = (!layout.zeros).then_some(Fit { scale: -ranged.scale, ..ranged });
        let moved = |by: i32| Fit { zero: (ranged.zero + by).clamp(least, most), ..ranged };
        let moved = (layout.zeros && group.is_weighed()).then(|| [1, -1].map(moved));
        for fit in std::iter::once(ranged).chain(flipped).chain(moved.into_iter().flatten()) {
            let (_, mut fit) = look(fit);
            for _ in 0..turns {
                let (cost, refined) = look(fit);
                if cost < best.0 {
                    best = (cost, fit);
                }
                fit = refined;
            }
        }
    }
    best.1
}

/// Half-quadratic quantization (Badri and Shaji 2023): the error is split into a sparse part, found by
/// shrinking it as |error|^0.7 demands, and the rest, to which scale and zero point are fitted in closed
/// form; in turns. Here errors are measured in steps, both scale and zero point are fitted, and the round
/// with the least mean |error| is kept.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a few hundred weights, clamped codes"
)]
fn half_quadratic(group: &Group, range: Range, length: usize) -> Fit {
    const ROUNDS: usize = 20;
    let layout = range.layout;
    let (least, most) = (*layout.codes().start() as f32, *layout.codes().end() as f32);
    let mut best = (f32::INFINITY, range.fit(1.0));
    let mut consider = |fit: Fit, errors: f32| {
        let cost = errors * fit.scale.abs();
        if cost < best.0 {
            best = (cost, fit);
        }
    };
    for share in [1.0, 0.9, 0.8, 0.7] {
        let mut fit = range.fit(share);
        let mut strength = 1.5_f32;
        for _ in 0..ROUNDS {
            if fit.scale == 0.0 {
                break;
            }
            // What a code is to mean: a weight without the sparse part of its error.
            let weakness = strength.recip();
            let goal = |code: f32, steps: f32| {
                let error = steps - code;
                let size = error.abs();
                // Below the least size of a root nothing is kept, above the greatest all.
                let kept = size - inverse_root(size.clamp(0.125, 1e6)) * weakness;
                let kept = if kept > 0.0 { kept } else { 0.0 };
                steps - kept.copysign(error)
            };
            let [errors, shifts, products, squares] = group.sums(fit, |code, steps, _| {
                let goal = goal(code, steps);
                [(steps - code).abs(), code - goal, code * goal, code * code]
            });
            consider(fit, errors);
            let shift = shifts / length as f32;
            let zero = (fit.zero as f32 + shift).round_ties_even().clamp(least, most) as i32;
            fit = if layout.zeros && zero != fit.zero {
                let moved = Fit { zero, ..fit };
                // Codes are those of the new zero point, what they are to mean is still by the old one.
                let [products, squares] = group.sums(moved, |code, steps, _| {
                    let before = nearest((steps + fit.zero as f32).clamp(least, most)) - fit.zero as f32;
                    [code * goal(before, steps), code * code]
                });
                moved.scaled(products, squares)
            } else {
                fit.scaled(products, squares)
            };
            strength *= 1.1;
        }
        if fit.scale != 0.0 {
            let [errors] = group.sums(fit, |code, steps, _| [(steps - code).abs()]);
            consider(fit, errors);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::synthetic::{Distribution, Synthetic};

    /// Weights like those of trained matrices: bell-shaped, off centre, and one in fifty much larger.
    fn weights() -> Vec<f32> {
        let mut values = vec![0.0; 64 * 128];
        Synthetic::new(5).fill("trained", Distribution::Bell(0.03), 0, &mut values);
        for (index, value) in values.iter_mut().enumerate() {
            *value = if index % 53 == 7 { *value * 4.0 } else { *value } + 0.01;
        }
        values
    }

    /// Σ importance · |error|^power
    fn errors(fit: Fit, group: &[f32], importance: Option<&[f32]>, layout: Layout, power: f32) -> f32 {
        let error = |weight: f32| (weight - fit.weight(fit.code(weight, layout))).abs().powf(power);
        let matters = |index: usize| importance.map_or(1.0, |all| all[index]);
        group.iter().enumerate().map(|(index, &weight)| error(weight) * matters(index)).sum()
    }

    /// Mean of |error|^power over all groups.
    fn cost(layout: Layout, calibration: Calibration, power: f32) -> f32 {
        let all = weights();
        let groups = all.chunks(layout.group);
        groups.map(|group| errors(fit(group, None, layout, calibration), group, None, layout, power)).sum::<f32>()
            / all.len() as f32
    }

    #[test]
    fn searching_beats_the_range() {
        for (bits, zeros, group) in [(4, false, 128), (4, true, 128), (4, true, 32), (8, false, 64), (8, true, 128)] {
            let layout = Layout { rows: 1, columns: 128, bits, group, zeros };
            let squared = |calibration| cost(layout, calibration, 2.0);
            let (none, mse) = (squared(Calibration::None), squared(Calibration::Mse));
            let gain = if bits == 4 { 0.97 } else { 1.0 };
            assert!(mse < gain * none, "{bits} {zeros} {group}: {mse} {none}");
            let absolute = |calibration| cost(layout, calibration, 1.0);
            let (before, after) = (absolute(Calibration::None), absolute(Calibration::Hqq));
            assert!(after < gain * before, "{bits} {zeros} {group}: {after} {before}");
        }
    }

    #[test]
    fn what_comes_out_is_never_farther_off_than_without_activations() {
        let all = weights();
        for (bits, zeros, length) in [(4, false, 128), (4, true, 128), (4, true, 32), (8, false, 64), (8, true, 128)] {
            let layout = Layout { rows: 1, columns: 128, bits, group: length, zeros };
            // A few inputs are much larger than the others, and some are never there.
            let importance: Vec<f32> =
                (0..length).map(|column| if column % 29 == 3 { 40.0 } else { 0.2 * (column % 5) as f32 }).collect();
            let (mut even, mut weighed) = (0.0, 0.0);
            for group in all.chunks(length) {
                let of = |calibration| {
                    let fit = fit(group, Some(&importance), layout, calibration);
                    errors(fit, group, Some(&importance), layout, 2.0)
                };
                let (mse, activations) = (of(Calibration::Mse), of(Calibration::Activations));
                assert!(activations <= mse, "{bits} {zeros} {length}: {activations} {mse}");
                even += mse;
                weighed += activations;
            }
            assert!(weighed < 0.8 * even, "{bits} {zeros} {length}: {weighed} {even}");
            let without = |calibration| fit(&all[..length], None, layout, calibration);
            assert_eq!(without(Calibration::Activations), without(Calibration::Mse), "nothing is known");
        }
    }

    #[test]
    fn a_constant_group_is_exact() {
        for value in [0.0, 0.5, -0.25] {
            for zeros in [false, true] {
                for calibration in Calibration::ALL {
                    let layout = Layout { rows: 1, columns: 32, bits: 4, group: 32, zeros };
                    let fit = fit(&[value; 32], Some(&[0.5; 32]), layout, calibration);
                    let back = fit.weight(fit.code(value, layout));
                    assert!((back - value).abs() <= 1e-3 * value.abs(), "{value} {zeros} {calibration:?}: {back}");
                }
            }
        }
    }
}
