//! When enough has been measured.

use super::effect::{Effect, gains, percent};
use super::interval::Interval;
use super::metric::Metric;
use crate::plan::Sampling;

/// Why sampling stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The interval is as narrow as was asked for.
    Precise,
    /// The interval lies so far from zero that its width does not matter.
    Decided,
    /// The time is used up.
    Budget,
    /// The largest number of blocks was taken.
    Max,
}

impl Stop {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Precise, Self::Decided, Self::Budget, Self::Max];

    /// The word in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Precise => "precise",
            Self::Decided => "decided",
            Self::Budget => "budget",
            Self::Max => "max",
        }
    }
}

/// Half the width of the improvement's interval, as a fraction; `None` while there are too few pairs.
#[must_use]
pub fn half_width(metric: &Metric, pairs: &[(f64, f64)]) -> Option<f64> {
    let gain = Interval::of_median(&gains(metric, pairs)?)?;
    let interval = Interval { low: percent(metric, gain.low), high: percent(metric, gain.high) };
    Some(interval.half_width() / 100.0)
}

/// Whether to stop after these pairs and this many seconds.
///
/// Looking after every block gives chance many tries to push an interval off zero. So an interval only counts as
/// decided when it is off zero by more than its own half width.
#[must_use]
pub fn stop(sampling: &Sampling, metric: &Metric, pairs: &[(f64, f64)], elapsed_s: f64) -> Option<Stop> {
    if pairs.len() < sampling.min as usize {
        return None;
    }
    let effect = Effect::of(metric, pairs)?;
    let interval = effect.interval.filter(|_| !metric.exact);
    let is_precise = interval.is_some_and(|interval| interval.half_width() / 100.0 <= sampling.target_half_width);
    let is_decided = interval.is_some_and(|interval| {
        let off_zero = interval.low.max(-interval.high);
        off_zero > interval.half_width() && off_zero >= metric.threshold
    });
    if is_precise {
        Some(Stop::Precise)
    } else if is_decided {
        Some(Stop::Decided)
    } else if pairs.len() >= sampling.max as usize {
        Some(Stop::Max)
    } else if elapsed_s >= sampling.budget_s {
        Some(Stop::Budget)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::interval::Random;
    use super::*;

    const SAMPLING: Sampling = Sampling { min: 10, max: 30, target_half_width: 0.05, budget_s: 20.0 };

    fn after(samples: usize, spread: f64, ratio: f64, elapsed_s: f64) -> Option<Stop> {
        let mut random = Random(3);
        let pairs: Vec<(f64, f64)> =
            (0..samples).map(|_| (10.0, 10.0 * ratio * (spread * random.normal()).exp())).collect();
        stop(&SAMPLING, &Metric::named("infer_time"), &pairs, elapsed_s)
    }

    #[test]
    fn each_reason_is_given_when_it_holds() {
        assert_eq!(after(9, 0.001, 1.0, 99.0), None);
        assert_eq!(after(10, 0.001, 1.0, 1.0), Some(Stop::Precise));
        assert_eq!(after(10, 0.3, 0.3, 1.0), Some(Stop::Decided));
        assert_eq!(after(12, 0.5, 1.0, 1.0), None);
        assert_eq!(after(12, 0.5, 1.0, 20.0), Some(Stop::Budget));
        assert_eq!(after(30, 0.5, 1.0, 1.0), Some(Stop::Max));
    }

    #[test]
    fn looking_after_every_block_rarely_finds_what_is_not_there() {
        let mut random = Random(11);
        let trials = 100;
        let wrong = (0..trials).filter(|_| {
            let mut pairs = Vec::new();
            loop {
                pairs.push(((0.3 * random.normal()).exp(), (0.3 * random.normal()).exp()));
                if let Some(reason) = stop(&SAMPLING, &Metric::named("infer_time"), &pairs, 0.0) {
                    return reason == Stop::Decided;
                }
            }
        });
        let share = wrong.count() as f64 / f64::from(trials);
        assert!(share <= 0.05, "{share}");
    }
}
