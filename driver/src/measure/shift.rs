//! How values measured at one time differ from values measured at another: nothing pairs them.

use super::dependence::{Dependence, mid_ranks};
use super::effect::gain;
use super::interval::{Interval, count, median};
use super::metric::Metric;
use super::multiple::ALPHA;
use super::ranks::{upper_tail, weakened};

/// The difference of a metric between two runs. Positive is better, whatever the metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Median before.
    pub before: f64,
    /// Median after.
    pub after: f64,
    /// Improvement of the median in percent (or percentage points).
    pub improvement_percent: f64,
    /// Where it lies with 95 % confidence; `None` with too few samples.
    pub interval: Option<Interval>,
    /// Chance of values so far apart if nothing had changed; `None` for exact metrics and with too few samples.
    pub p: Option<f64>,
    /// Values before and after.
    pub samples: (usize, usize),
}

/// What can be said of a difference between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Worse, by more than is allowed.
    Regressed,
    /// It may be worse by more than is allowed, or not: the samples do not say.
    Inconclusive,
    /// Measured under other conditions.
    Incomparable,
    /// Better, by more than does not matter.
    Improved,
    /// Not worse than is allowed.
    Unchanged,
    /// Too few samples to judge, by the plan.
    Unjudged,
}

impl Change {
    /// The word people read.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Inconclusive => "inconclusive",
            Self::Incomparable => "incomparable",
            Self::Improved => "improved",
            Self::Unchanged => "unchanged",
            Self::Unjudged => "unjudged",
        }
    }

    /// What an improvement (or its loss) says when losses up to `threshold` percent are allowed.
    ///
    /// Not being worse is shown by the interval alone (a test of non-inferiority); being worse or better also needs a p
    /// that excludes chance.
    #[must_use]
    pub fn of(improvement: f64, interval: Option<Interval>, p: Option<f64>, threshold: f64) -> Self {
        let by_chance = p.is_some_and(|p| p > ALPHA);
        match interval {
            None => Self::Unjudged,
            Some(Interval { low, .. }) if !by_chance && low > 0.0 && improvement >= threshold => Self::Improved,
            Some(Interval { high, .. }) if !by_chance && high < 0.0 && improvement <= -threshold => Self::Regressed,
            Some(Interval { low, .. }) if low >= -threshold => Self::Unchanged,
            Some(_) => Self::Inconclusive,
        }
    }
}

impl Shift {
    /// The difference between two series, each in the order it was measured; `None` when one is empty, or the metric is
    /// only shown.
    #[must_use]
    pub fn of(metric: &Metric, before: &[f64], after: &[f64]) -> Option<Self> {
        let middles = (median(&mut before.to_vec())?, median(&mut after.to_vec())?);
        let improvement = gain(metric, middles)?;
        let interval = if metric.exact {
            extremes(metric, before, after)
        } else {
            between(metric, before, after, middles).map(|(low, high)| Interval { low, high })
        };
        let percent = |gain: f64| super::effect::percent(metric, gain);
        Some(Self {
            before: middles.0,
            after: middles.1,
            improvement_percent: percent(improvement),
            interval: interval.map(|gain| Interval { low: percent(gain.low), high: percent(gain.high) }),
            p: interval.filter(|_| !metric.exact).map(|_| rank_sum_p(before, after)),
            samples: (before.len(), after.len()),
        })
    }
}

/// The least and the greatest improvement of any value after over any value before.
fn extremes(metric: &Metric, before: &[f64], after: &[f64]) -> Option<Interval> {
    let all = before.iter().flat_map(|b| after.iter().map(|a| gain(metric, (*b, *a))));
    let all: Vec<f64> = all.collect::<Option<_>>()?;
    let low = all.iter().copied().min_by(f64::total_cmp)?;
    Some(Interval { low, high: all.iter().copied().max_by(f64::total_cmp)? })
}

/// The interval of the difference of two medians, put together from the intervals of each (Zou and Donner 2008): its
/// arms add up as those of a right triangle do.
fn between(metric: &Metric, before: &[f64], after: &[f64], middles: (f64, f64)) -> Option<(f64, f64)> {
    // An interval stretched beyond zero has no ratio: there the nearest value stands for it.
    let floor = |series: &[f64]| series.iter().copied().filter(|value| *value > 0.0).min_by(f64::total_cmp);
    let arms = |series: &[f64], middle: f64| {
        let interval = Interval::of_median(series)?;
        let low = if interval.low > 0.0 { interval.low } else { floor(series)?.min(middle) };
        let (down, up) = (gain(metric, (middle, low))?, gain(metric, (middle, interval.high))?);
        Some((down.min(up).abs(), down.max(up).abs()))
    };
    let (before, after) = (arms(before, middles.0)?, arms(after, middles.1)?);
    let improvement = gain(metric, middles)?;
    Some((improvement - after.0.hypot(before.1), improvement + after.1.hypot(before.0)))
}

/// The rank-sum test of Wilcoxon, Mann and Whitney, two-sided, ties sharing their mean rank. Values that follow each
/// other count as fewer.
fn rank_sum_p(before: &[f64], after: &[f64]) -> f64 {
    let all: Vec<f64> = before.iter().chain(after).copied().collect();
    let ranks = mid_ranks(&all);
    let (m, n) = (count(before.len()), count(after.len()));
    // Ranks count from 0 here, which the mean takes into account.
    let mean = m * (m + n - 1.0) / 2.0;
    let middle = (m + n - 1.0) / 2.0;
    let spread: f64 = ranks.iter().map(|rank| (rank - middle).powi(2)).sum::<f64>() / (m + n);
    let variance = m * n / (m + n - 1.0) * spread;
    if variance <= 0.0 {
        return 1.0;
    }
    let sum: f64 = ranks[..before.len()].iter().sum();
    let z = ((sum - mean).abs() - 0.5).max(0.0) / variance.sqrt();
    let stretch = Dependence::of(before).spread().max(Dependence::of(after).spread());
    weakened((2.0 * upper_tail(z)).min(1.0), stretch)
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    fn times(n: usize, middle: f64, noise: f64, random: &mut Random) -> Vec<f64> {
        (0..n).map(|_| middle * (noise * random.normal()).exp()).collect()
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let time = Metric::named("infer_time");
        let truth = 100.0 * (1.0 - 0.9);
        for n in [12, 20, 40] {
            let mut random = Random(11);
            let held = (0..1000).filter(|_| {
                let (before, after) = (times(n, 10.0, 0.1, &mut random), times(n, 9.0, 0.1, &mut random));
                let shift = Shift::of(&time, &before, &after).expect("a shift");
                shift.interval.expect("enough samples").contains(truth)
            });
            let held = held.count();
            assert!((935..=985).contains(&held), "{n}: {held} of 1000");
        }
    }

    #[test]
    fn equal_runs_are_rarely_called_different_and_a_slower_one_is_found() {
        let time = Metric::named("infer_time");
        let mut random = Random(5);
        let mut judge = |ratio: f64| {
            let (before, after) = (times(20, 10.0, 0.05, &mut random), times(20, 10.0 * ratio, 0.05, &mut random));
            let shift = Shift::of(&time, &before, &after).expect("a shift");
            Change::of(shift.improvement_percent, shift.interval, shift.p, 3.0)
        };
        let same: Vec<Change> = (0..500).map(|_| judge(1.0)).collect();
        let alarms = same.iter().filter(|change| **change == Change::Regressed).count();
        assert!(alarms <= 10, "{alarms} false alarms of 500");
        let slower = (0..200).filter(|_| judge(1.15) == Change::Regressed).count();
        assert!(slower >= 195, "{slower} of 200 found");
    }

    #[test]
    fn small_cases_are_as_tables_have_them() {
        // 5 values all below 5 others: U = 0, for which the normal approximation gives 0.0122 (exactly 0.0079).
        let p = rank_sum_p(&[3.0, 1.0, 5.0, 2.0, 4.0], &[8.0, 6.0, 10.0, 7.0, 9.0]);
        assert!((0.0079..0.06).contains(&p), "{p}");
        assert_eq!(rank_sum_p(&[2.0; 6], &[2.0; 6]), 1.0);
    }

    #[test]
    fn exact_metrics_need_one_value() {
        let bytes = Metric::named("weight_bytes");
        let shift = Shift::of(&bytes, &[100.0], &[80.0]).expect("a shift");
        assert!((shift.improvement_percent - 20.0).abs() < 1e-9 && shift.p.is_none());
        assert_eq!(Change::of(shift.improvement_percent, shift.interval, shift.p, 1.0), Change::Improved);
        let same = Shift::of(&bytes, &[100.0], &[100.0]).expect("a shift");
        assert_eq!(Change::of(same.improvement_percent, same.interval, same.p, 1.0), Change::Unchanged);
        assert!(Shift::of(&bytes, &[], &[1.0]).is_none());
        assert!(Shift::of(&Metric::named("accuracy.kl"), &[1.0], &[1.0]).is_none());
        assert!(Shift::of(&bytes, &[0.0], &[1.0]).is_none(), "from nothing there is no ratio");
    }

    #[test]
    fn few_or_odd_values_say_so() {
        let time = Metric::named("infer_time");
        let shift = Shift::of(&time, &[1.0, 2.0], &[3.0]).expect("a shift");
        assert_eq!((shift.interval, shift.p), (None, None));
        assert_eq!(Change::of(-50.0, None, None, 3.0), Change::Unjudged);
        let wild = [0.1, 50.0, 0.2, 90.0, 0.1, 70.0];
        let shift = Shift::of(&time, &wild, &wild).expect("a shift");
        let interval = shift.interval.expect("an interval");
        assert!(interval.low.is_finite() && interval.high.is_finite());
        assert_eq!(Change::of(shift.improvement_percent, shift.interval, shift.p, 3.0), Change::Inconclusive);
    }
}
