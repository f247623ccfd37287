//! When enough has been measured.

use serde::{Deserialize, Serialize};

use super::effect::Effect;
use super::metric::Metric;
use super::multiple::ALPHA;
use crate::plan::Sampling;

/// Why sampling stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Every interval is as narrow as was asked for.
    Precise,
    /// Every interval is narrow enough, or so far from zero and from what was asked that its width does not matter.
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

/// A metric that sampling goes on for.
#[derive(Clone, Debug)]
pub struct Watched<'a> {
    /// Which.
    pub metric: Metric,
    /// Its samples so far, as (baseline, treatment), in the order of blocks.
    pub pairs: &'a [(f64, f64)],
    /// Improvements in percent that somebody asked about: on which side of each does the truth lie?
    pub asked: Vec<f64>,
}

/// How well a metric is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Precisely,
    Decidedly,
    Not,
}

impl Watched<'_> {
    /// Looking after every block gives chance many tries to push an interval off a value. So an interval only counts as
    /// clear of a value when it is further from it than its own half width.
    fn known(&self, target: f64) -> Known {
        let Some(effect) = Effect::of(&self.metric, self.pairs) else { return Known::Not };
        // Equal work gives equal numbers, and what is only shown decides nothing.
        if self.metric.exact || effect.improvement_percent.is_none() {
            return Known::Precisely;
        }
        let Some(interval) = effect.interval else { return Known::Not };
        let clear = |of: f64| (interval.low - of).max(of - interval.high) > interval.half_width();
        let is_off_zero = !interval.contains(0.0);
        if is_off_zero && effect.p.is_some_and(|p| p > ALPHA) {
            return Known::Not;
        }
        let matters = interval.low.max(-interval.high) >= self.metric.threshold;
        if interval.half_width() / 100.0 <= target {
            Known::Precisely
        } else if clear(0.0) && matters && self.asked.iter().all(|of| clear(*of)) {
            Known::Decidedly
        } else {
            Known::Not
        }
    }
}

/// Whether to stop after these samples and this many seconds: when every metric is known well enough, or time or blocks
/// are used up.
#[must_use]
pub fn stop(sampling: &Sampling, watched: &[Watched<'_>], elapsed_s: f64) -> Option<Stop> {
    let blocks = watched.iter().map(|watched| watched.pairs.len()).max().unwrap_or(0);
    if blocks < sampling.min as usize {
        return None;
    }
    let known: Vec<Known> = watched.iter().map(|watched| watched.known(sampling.target_half_width)).collect();
    if known.iter().all(|known| *known == Known::Precisely) {
        Some(Stop::Precise)
    } else if known.iter().all(|known| *known != Known::Not) {
        Some(Stop::Decided)
    } else if blocks >= sampling.max as usize {
        Some(Stop::Max)
    } else if elapsed_s >= sampling.budget_s {
        Some(Stop::Budget)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;
    use crate::plan::Profile;

    const SAMPLING: Sampling = Sampling {
        min: 10,
        max: 30,
        target_half_width: 0.05,
        budget_s: 20.0,
        pages: 1,
        strict: false,
        memory_profile: false,
        profile: Profile::Warm,
        trace: false,
    };

    fn sampled(samples: usize, spread: f64, ratio: f64) -> Vec<(f64, f64)> {
        let mut random = Random(3);
        (0..samples).map(|_| (10.0, 10.0 * ratio * (spread * random.normal()).exp())).collect()
    }

    fn watch(pairs: &[(f64, f64)]) -> Watched<'_> {
        Watched { metric: Metric::named("infer_time"), pairs, asked: Vec::new() }
    }

    fn after(samples: usize, spread: f64, ratio: f64, elapsed_s: f64) -> Option<Stop> {
        stop(&SAMPLING, &[watch(&sampled(samples, spread, ratio))], elapsed_s)
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
    fn every_watched_metric_must_be_known() {
        let (sure, unsure) = (sampled(12, 0.001, 0.5), sampled(12, 0.5, 1.0));
        assert_eq!(stop(&SAMPLING, &[watch(&sure)], 1.0), Some(Stop::Precise));
        assert_eq!(stop(&SAMPLING, &[watch(&sure), watch(&unsure)], 1.0), None);
        let bytes = Watched { metric: Metric::named("memory_peak"), ..watch(&unsure) };
        assert_eq!(stop(&SAMPLING, &[watch(&sure), bytes], 1.0), Some(Stop::Precise));
    }

    #[test]
    fn an_interval_must_be_clear_of_what_was_asked() {
        let pairs = sampled(12, 0.15, 0.5);
        let asked = |of: f64| stop(&SAMPLING, &[Watched { asked: vec![of], ..watch(&pairs) }], 1.0);
        assert_eq!(asked(10.0), Some(Stop::Decided));
        assert_eq!(asked(50.0), None, "around 50 % better or not?");
    }

    #[test]
    fn sampling_goes_on_until_chance_is_excluded() {
        let few = Sampling { min: 5, ..SAMPLING };
        let after = |pairs: &[(f64, f64)]| stop(&few, &[watch(pairs)], 1.0);
        let unsure = [(10.0, 5.0), (10.0, 9.0), (10.0, 4.0), (10.0, 9.5), (10.0, 2.0)];
        assert_eq!(after(&unsure), None);
        assert_eq!(after(&[(10.0, 5.0); 5]), Some(Stop::Precise));
    }

    #[test]
    fn looking_after_every_block_rarely_finds_what_is_not_there() {
        let mut random = Random(11);
        let trials = 200;
        let wrong = (0..trials).filter(|_| {
            let mut pairs = Vec::new();
            loop {
                pairs.push(((0.3 * random.normal()).exp(), (0.3 * random.normal()).exp()));
                if let Some(reason) = stop(&SAMPLING, &[watch(&pairs)], 0.0) {
                    return reason == Stop::Decided;
                }
            }
        });
        let share = wrong.count() as f64 / f64::from(trials);
        assert!(share <= 0.03, "{share}");
    }
}
