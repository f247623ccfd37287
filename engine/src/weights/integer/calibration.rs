//! Scale and zero point of a group: from its range, or by searching for a smaller error.
//!
//! All numbers are in the units of the weights; a step is the distance between two neighbouring codes.

use half::f16;

use super::Layout;
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
        (weight * inverse + self.zero as f32).round_ties_even().clamp(least as f32, most as f32) as i32
    }

    /// The weight that a code stands for.
    #[must_use]
    pub fn weight(self, code: i32) -> f32 {
        (code - self.zero) as f32 * self.scale
    }

    fn error(self, weight: f32, layout: Layout) -> f32 {
        weight - self.weight(self.code(weight, layout))
    }

    /// Σ |error|^power
    fn cost(self, group: &[f32], layout: Layout, power: f32) -> f32 {
        group.iter().map(|&weight| self.error(weight, layout).abs().powf(power)).sum()
    }

    /// Σ importance · error²
    fn squared(self, group: &[f32], importance: Option<&[f32]>, layout: Layout) -> f32 {
        let errors = group.iter().map(|&weight| self.error(weight, layout)).map(|error| error * error);
        errors.enumerate().map(|(index, square)| square * matters(importance, index)).sum()
    }

    /// The scale for which the codes this fit gives come nearest to `targets`.
    fn refined(self, group: &[f32], targets: &[f32], importance: Option<&[f32]>, layout: Layout) -> Self {
        let (mut product, mut square) = (0.0, 0.0);
        for (index, (&weight, &target)) in group.iter().zip(targets).enumerate() {
            let code = (self.code(weight, layout) - self.zero) as f32;
            product += code * target * matters(importance, index);
            square += code * code * matters(importance, index);
        }
        if square == 0.0 { self } else { Self::new(product / square, self.zero) }
    }
}

/// Chooses scale and zero point for `group`, whose weights are finite. Only activations look at the `importance` of its
/// columns; where that isn't known, all matter alike.
#[must_use]
pub fn fit(group: &[f32], importance: Option<&[f32]>, layout: Layout, calibration: Calibration) -> Fit {
    let whole = ranged(group, layout, 1.0);
    match calibration {
        Calibration::None => whole,
        Calibration::Hqq => half_quadratic(group, layout),
        Calibration::Mse => clipped(group, None, layout, whole),
        Calibration::Activations => {
            let even = clipped(group, None, layout, whole);
            if importance.is_some() { clipped(group, importance, layout, even) } else { even }
        }
    }
}

/// What an error of one weight of a group counts.
fn matters(importance: Option<&[f32]>, index: usize) -> f32 {
    importance.map_or(1.0, |all| all[index])
}

/// Covers `share` of the group's range. Without a zero point the weight of largest magnitude gets the code
/// farthest from the middle, so that every code is used; the scale is negative if that weight is positive.
#[expect(clippy::cast_possible_truncation, reason = "clamped to the codes")]
fn ranged(group: &[f32], layout: Layout, share: f32) -> Fit {
    let (least, most) = (*layout.codes().start(), *layout.codes().end());
    if layout.zeros {
        let (low, high) = group.iter().fold((0.0_f32, 0.0_f32), |(low, high), &w| (low.min(w), high.max(w)));
        let fit = Fit::new((high - low) * share / (most - least) as f32, least);
        if fit.scale == 0.0 {
            return Fit { zero: layout.middle(), ..fit };
        }
        let zero = (least as f32 - low * share / fit.scale).round_ties_even();
        return Fit { zero: zero.clamp(least as f32, most as f32) as i32, ..fit };
    }
    let extreme = group.iter().fold(0.0_f32, |m, &w| if w.abs() > m.abs() { w } else { m });
    Fit::new(extreme * share / (least - layout.middle()) as f32, layout.middle())
}

/// Tries smaller ranges, each with the scale that suits its codes best, in search of less squared error than `given`
/// has: a few clipped weights against finer steps for all others. Where columns matter differently, neighbouring zero
/// points are tried too, and scales refined once more.
fn clipped(group: &[f32], importance: Option<&[f32]>, layout: Layout, given: Fit) -> Fit {
    const TRIES: u16 = 24;
    let (least, most) = (*layout.codes().start(), *layout.codes().end());
    let turns = if importance.is_some() { 2 } else { 1 };
    let mut best = (given.squared(group, importance, layout), given);
    for attempt in 0..TRIES {
        let ranged = ranged(group, layout, 1.0 - f32::from(attempt) * 0.025);
        // Without a zero point either sign of the scale is possible: the side with one code more changes.
        let flipped = (!layout.zeros).then_some(Fit { scale: -ranged.scale, ..ranged });
        let moved = |by: i32| Fit { zero: (ranged.zero + by).clamp(least, most), ..ranged };
        let moved = (layout.zeros && importance.is_some()).then(|| [1, -1].map(moved));
        for mut fit in std::iter::once(ranged).chain(flipped).chain(moved.into_iter().flatten()) {
            for _ in 0..turns {
                fit = fit.refined(group, group, importance, layout);
                let cost = fit.squared(group, importance, layout);
                if cost < best.0 {
                    best = (cost, fit);
                }
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
fn half_quadratic(group: &[f32], layout: Layout) -> Fit {
    const POWER: f32 = 0.7;
    const ROUNDS: usize = 20;
    const KEPT: f32 = 1.0;
    let (least, most) = (*layout.codes().start() as f32, *layout.codes().end() as f32);
    let full = ranged(group, layout, 1.0);
    let mut best = (full.cost(group, layout, KEPT), full);
    let mut targets = vec![0.0; group.len()];
    for share in [1.0, 0.9, 0.8, 0.7] {
        let mut fit = ranged(group, layout, share);
        let mut strength = 1.5_f32;
        for _ in 0..ROUNDS {
            if fit.scale == 0.0 {
                break;
            }
            let step = fit.scale.abs();
            let mut shift = 0.0;
            for (&weight, target) in group.iter().zip(&mut targets) {
                let error = fit.error(weight, layout) / step;
                let kept = (error.abs() - error.abs().max(1e-6).powf(POWER - 1.0) / strength).max(0.0);
                *target = weight - kept.copysign(error) * step;
                shift += fit.code(weight, layout) as f32 - *target / fit.scale;
            }
            if layout.zeros {
                fit.zero = (shift / group.len() as f32).round_ties_even().clamp(least, most) as i32;
            }
            fit = fit.refined(group, &targets, None, layout);
            let cost = fit.cost(group, layout, KEPT);
            if cost < best.0 {
                best = (cost, fit);
            }
            strength *= 1.1;
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

    /// Mean of |error|^power over all groups.
    fn cost(layout: Layout, calibration: Calibration, power: f32) -> f32 {
        let all = weights();
        let groups = all.chunks(layout.group);
        groups.map(|group| fit(group, None, layout, calibration).cost(group, layout, power)).sum::<f32>()
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
                    fit.squared(group, Some(&importance), layout)
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
