//! What an optimization did to one metric, from paired samples.

use super::interval::{Interval, median};
use super::metric::{Better, Compare, Metric};
use super::ranks;

/// The effect of a treatment on one metric. Positive is better, whatever the metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Median of the baseline.
    pub baseline: f64,
    /// Median of the treatment.
    pub treatment: f64,
    /// Median improvement in percent (or percentage points); `None` when the metric is only shown.
    pub improvement_percent: Option<f64>,
    /// Where the improvement lies with 95 % confidence; `None` with too few samples.
    pub interval: Option<Interval>,
    /// Chance of differences as one-sided as these if the treatment did nothing; `None` for exact metrics and with too
    /// few samples.
    pub p: Option<f64>,
    /// Number of pairs.
    pub samples: usize,
    /// What can be said.
    pub verdict: Verdict,
}

/// What can be said of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Better, by more than does not matter.
    Better,
    /// Worse, by more than does not matter.
    Worse,
    /// Whatever difference there is does not matter.
    None,
    /// The samples do not say.
    Inconclusive,
    /// The metric is shown, not compared.
    Shown,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 5] = [Self::Better, Self::Worse, Self::None, Self::Inconclusive, Self::Shown];

    /// The word in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::None => "none",
            Self::Inconclusive => "inconclusive",
            Self::Shown => "shown",
        }
    }
}

impl Effect {
    /// The effect that `(baseline, treatment)` pairs show; `None` without pairs.
    #[must_use]
    pub fn of(metric: &Metric, pairs: &[(f64, f64)]) -> Option<Self> {
        let middle = |arm: fn(&(f64, f64)) -> f64| median(&mut pairs.iter().map(arm).collect::<Vec<_>>());
        let (baseline, treatment) = (middle(|pair| pair.0)?, middle(|pair| pair.1)?);
        let shown = Self {
            baseline,
            treatment,
            improvement_percent: None,
            interval: None,
            p: None,
            samples: pairs.len(),
            verdict: Verdict::Shown,
        };
        let Some(mut gains) = gains(metric, pairs) else { return Some(shown) };
        let back = |gain: f64| percent(metric, gain);
        let interval = if metric.exact { range(&gains) } else { Interval::of_median(&gains) };
        // Where resampling knows too little, so do signs: with four pairs p cannot fall below 0.125.
        let p = interval.filter(|_| !metric.exact).map(|_| ranks::signed_rank_p(&gains));
        let improvement = back(median(&mut gains)?);
        let interval = interval.map(|gain| Interval { low: back(gain.low), high: back(gain.high) });
        let verdict = verdict(improvement, interval, metric.threshold);
        Some(Self { improvement_percent: Some(improvement), interval, p, verdict, ..shown })
    }
}

/// By how much each pair is better: as a log ratio, or as a difference. `None` when pairs cannot be compared so.
pub(super) fn gains(metric: &Metric, pairs: &[(f64, f64)]) -> Option<Vec<f64>> {
    let sign = if metric.better == Better::Higher { 1.0 } else { -1.0 };
    match metric.compare {
        Compare::Shown => None,
        Compare::Points => Some(pairs.iter().map(|(baseline, treatment)| sign * (treatment - baseline)).collect()),
        Compare::Ratio => pairs
            .iter()
            .map(|&(baseline, treatment)| match (baseline > 0.0, treatment > 0.0) {
                (true, true) => Some(sign * (treatment / baseline).ln()),
                // Nothing before and nothing after is no change; from or to nothing has no ratio.
                _ => (baseline == treatment).then_some(0.0),
            })
            .collect(),
    }
}

/// A gain in percent of the baseline: 50 % less time, 20 % more agreement.
pub(super) fn percent(metric: &Metric, gain: f64) -> f64 {
    match (metric.compare, metric.better) {
        (Compare::Ratio, Better::Lower) => 100.0 * -(-gain).exp_m1(),
        (Compare::Ratio, Better::Higher) => 100.0 * gain.exp_m1(),
        _ => 100.0 * gain,
    }
}

fn range(values: &[f64]) -> Option<Interval> {
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    let high = values.iter().copied().max_by(f64::total_cmp)?;
    Some(Interval { low, high })
}

fn verdict(improvement: f64, interval: Option<Interval>, threshold: f64) -> Verdict {
    match interval {
        None => Verdict::Inconclusive,
        Some(Interval { low, .. }) if low > 0.0 && improvement >= threshold => Verdict::Better,
        Some(Interval { high, .. }) if high < 0.0 && improvement <= -threshold => Verdict::Worse,
        Some(Interval { low, high }) if low > -threshold && high < threshold => Verdict::None,
        Some(_) => Verdict::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::super::interval::Random;
    use super::*;

    fn time() -> Metric {
        Metric::named("infer_time")
    }

    #[test]
    fn half_the_time_is_fifty_percent_better() {
        let pairs = [(10.0, 5.0), (12.0, 6.0), (11.0, 5.5), (10.5, 5.25), (11.5, 5.75)];
        let effect = Effect::of(&time(), &pairs).expect("pairs");
        assert!((effect.improvement_percent.expect("compared") - 50.0).abs() < 1e-9);
        assert_eq!(effect.verdict, Verdict::Better);
        assert_eq!(effect.samples, 5);
        assert!((effect.baseline - 11.0).abs() < 1e-12);
    }

    #[test]
    fn one_sample_is_enough_for_bytes_and_not_for_times() {
        let bytes = Effect::of(&Metric::named("weight_bytes"), &[(100.0, 25.0)]).expect("a pair");
        assert_eq!(bytes.verdict, Verdict::Better);
        assert!((bytes.improvement_percent.expect("compared") - 75.0).abs() < 1e-9);
        let load = Effect::of(&Metric::named("load_time"), &[(100.0, 25.0)]).expect("a pair");
        assert_eq!((load.verdict, load.interval), (Verdict::Inconclusive, None));
    }

    #[test]
    fn agreement_is_compared_in_points() {
        let cosine = Effect::of(&Metric::named("accuracy.cosine"), &[(1.0, 0.97)]).expect("a pair");
        assert!((cosine.improvement_percent.expect("compared") + 3.0).abs() < 1e-9);
        assert_eq!(cosine.verdict, Verdict::Worse);
        let error = Effect::of(&Metric::named("accuracy.max_abs"), &[(0.0, 0.1)]).expect("a pair");
        assert_eq!((error.verdict, error.improvement_percent), (Verdict::Shown, None));
    }

    #[test]
    fn nothing_to_compare_is_no_effect() {
        assert_eq!(Effect::of(&time(), &[]), None);
        let empty = Effect::of(&Metric::named("memory_peak.kv"), &[(0.0, 0.0)]).expect("a pair");
        assert_eq!(empty.verdict, Verdict::None);
        let appeared = Effect::of(&Metric::named("memory_peak.staging"), &[(0.0, 5.0)]).expect("a pair");
        assert_eq!(appeared.verdict, Verdict::Shown);
    }

    /// How often the interval holds the true improvement, over many simulated cells.
    fn coverage(samples: usize, noise: impl Fn(&mut Random, usize) -> (f64, f64)) -> f64 {
        let trials = 300;
        let truth = 20.0;
        let mut random = Random(7);
        let held = (0..trials).filter(|_| {
            let pairs: Vec<(f64, f64)> = (0..samples)
                .map(|block| {
                    let (baseline, treatment) = noise(&mut random, block);
                    (10.0 * baseline, 8.0 * treatment)
                })
                .collect();
            let interval = Effect::of(&time(), &pairs).and_then(|effect| effect.interval).expect("enough samples");
            interval.contains(truth)
        });
        held.count() as f64 / f64::from(trials)
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        for samples in [10, 25] {
            let lognormal =
                coverage(samples, |random, _| ((0.2 * random.normal()).exp(), (0.2 * random.normal()).exp()));
            assert!((0.92..=0.98).contains(&lognormal), "lognormal, {samples} samples: {lognormal}");
            let drifting = coverage(samples, |random, block| {
                let drift = 1.0 + 0.05 * block as f64;
                (drift * (0.1 * random.normal()).exp(), drift * (0.1 * random.normal()).exp())
            });
            assert!((0.92..=0.98).contains(&drifting), "drifting, {samples} samples: {drifting}");
        }
    }
}
