//! Medians, and how well they are known.
//!
//! The interval is that of the bootstrap of the median, whose distribution needs no resampling: the median of a
//! resample is the order statistic at a Beta distributed rank (Efron 1979; Harrell and Davis 1982). It is then
//! stretched about the median for values that follow each other too closely, see [`Dependence`]. Resampling whole blocks
//! instead (Politis and Romano 1994) knows too little of the tails of ten to sixty values: in simulations with a
//! correlation of 0.5 its intervals held the truth in 72 to 86 % of the cases, the stretched ones in 91 to 94 %.

use super::dependence::Dependence;

/// A range a value lies in with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Fewest values an interval can be computed from; fewer know nothing of the tails.
pub(super) const FEWEST: usize = 5;

/// The middle of the values; `None` when there are none. Reorders them.
#[must_use]
pub fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if below.len() == middle && values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values[..middle].iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

impl Interval {
    /// The interval of the median of values in the order they were measured; `None` below [`FEWEST`].
    #[must_use]
    pub(super) fn of_median(values: &[f64]) -> Option<Self> {
        if values.len() < FEWEST {
            return None;
        }
        let mut sorted = values.to_vec();
        let middle = median(&mut sorted)?;
        sorted.sort_by(f64::total_cmp);
        let stretch = Dependence::of(values).stretch();
        let reach = rank(sorted.len());
        let (low, high) = (at(&sorted, reach), at(&sorted, count(sorted.len()) - 1.0 - reach));
        Some(Self { low: middle - stretch * (middle - low), high: middle + stretch * (high - middle) })
    }

    /// Half of its width.
    #[must_use]
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The rank, from 0, below which 2.5 % of the medians of resamples lie.
///
/// The rank of the median of `n` is n·B with B ~ Beta(a, a) and a = (n + 1) / 2; for such a B,
/// (2B − 1)·√2a / 2√(B(1 − B)) has Student's distribution with 2a degrees of freedom.
fn rank(n: usize) -> f64 {
    let freedom = count(n) + 1.0;
    let t = student(freedom);
    let share = 0.5 * (1.0 - t / (freedom + t * t).sqrt());
    (count(n) * share - 0.5).max(0.0)
}

/// The value at a rank between two.
fn at(sorted: &[f64], rank: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks are at least 0")]
    let below = (rank.floor() as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (rank - rank.floor()) * (sorted[above] - sorted[below])
}

/// The 97.5 % quantile of Student's distribution; Cornish and Fisher's expansion, 3 % off at two degrees of freedom and
/// below 0.1 % from six on.
pub(super) fn student(freedom: f64) -> f64 {
    let z: f64 = 1.959_963_985;
    let powers = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
    ];
    powers.iter().rev().fold(0.0, |sum, power| (sum + power) / freedom) + z
}

#[expect(clippy::cast_precision_loss, reason = "numbers of samples stay far below 2^53")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn an_interval_needs_values_and_holds_the_median() {
        assert_eq!(Interval::of_median(&[1.0; FEWEST - 1]), None);
        assert_eq!(Interval::of_median(&[1.0; FEWEST]), Some(Interval { low: 1.0, high: 1.0 }));
        let interval = Interval::of_median(&[1.0, 6.0, 2.0, 5.0, 3.0, 4.0]).expect("enough values");
        assert!(interval.contains(3.5) && interval.half_width() < 2.5, "{interval:?}");
    }

    #[test]
    fn quantiles_of_student_are_those_of_the_tables() {
        for (freedom, quantile) in [(3.0, 3.182), (6.0, 2.447), (10.0, 2.228), (30.0, 2.042), (1e6, 1.960)] {
            let off = student(freedom) / quantile - 1.0;
            assert!(off.abs() < 0.01, "{freedom}: {off}");
        }
    }
}
