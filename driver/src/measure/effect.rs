//! What an optimization did to one metric, from paired samples.

use super::interval::{Interval, median};
use super::metric::{Better, Compare, Metric};
use super::multiple::ALPHA;
use super::{ranks, student};

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
    /// The same, given how many effects of the run were looked at; `None` until the run is over.
    pub p_adjusted: Option<f64>,
    /// Number of pairs.
    pub samples: usize,
    /// Pairs far from the others. They count like any other.
    pub outliers: usize,
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

    /// What an improvement (or its loss) says, in percent: both its interval and its p must exclude chance, and it must
    /// be large enough to matter. An exact metric has no p.
    #[must_use]
    pub fn of(improvement: f64, interval: Option<Interval>, p: Option<f64>, threshold: f64) -> Self {
        let by_chance = p.is_some_and(|p| p > ALPHA);
        match interval {
            None => Self::Inconclusive,
            Some(Interval { low, high }) if low > -threshold && high < threshold => Self::None,
            _ if by_chance => Self::Inconclusive,
            Some(Interval { low, .. }) if low > 0.0 && improvement >= threshold => Self::Better,
            Some(Interval { high, .. }) if high < 0.0 && improvement <= -threshold => Self::Worse,
            Some(_) => Self::Inconclusive,
        }
    }

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
            p_adjusted: None,
            samples: pairs.len(),
            outliers: 0,
            verdict: Verdict::Shown,
        };
        let Some(mut gains) = gains(metric, pairs) else { return Some(shown) };
        let back = |gain: f64| percent(metric, gain);
        let interval = if metric.exact { range(&gains) } else { Interval::of_median(&gains) };
        // Where resampling knows too little, so does every test.
        let p = interval.filter(|_| !metric.exact).map(|_| by_chance(&gains));
        let outliers = outliers(&gains);
        let improvement = back(median(&mut gains)?);
        let interval = interval.map(|gain| Interval { low: back(gain.low), high: back(gain.high) });
        let verdict = Verdict::of(improvement, interval, p, metric.threshold);
        Some(Self { improvement_percent: Some(improvement), interval, p, outliers, verdict, ..shown })
    }

    /// The same effect, judged as one of many: with its p adjusted.
    #[must_use]
    pub fn among_many(self, metric: &Metric, p_adjusted: f64) -> Self {
        let judged = |improvement| Verdict::of(improvement, self.interval, Some(p_adjusted), metric.threshold);
        let verdict = self.improvement_percent.map_or(self.verdict, judged);
        Self { p_adjusted: Some(p_adjusted), verdict, ..self }
    }
}

/// By how much each pair is better. `None` when pairs cannot be compared so.
fn gains(metric: &Metric, pairs: &[(f64, f64)]) -> Option<Vec<f64>> {
    pairs.iter().map(|pair| gain(metric, *pair)).collect()
}

/// By how much the second value is better than the first: as a log ratio, or as a difference.
pub(super) fn gain(metric: &Metric, (baseline, treatment): (f64, f64)) -> Option<f64> {
    let sign = if metric.better == Better::Higher { 1.0 } else { -1.0 };
    match metric.compare {
        Compare::Shown => None,
        Compare::Points => Some(sign * (treatment - baseline)),
        Compare::Ratio if baseline > 0.0 && treatment > 0.0 => Some(sign * (treatment / baseline).ln()),
        // Nothing before and nothing after is no change; from or to nothing has no ratio.
        Compare::Ratio => (baseline == treatment).then_some(0.0),
    }
}

/// The p of gains: by ranks, or by their mean where ranks are too coarse.
fn by_chance(gains: &[f64]) -> f64 {
    if gains.len() < student::FEW { student::student_p(gains) } else { ranks::signed_rank_p(gains) }
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

/// Values further from the median than 3.5 robust standard deviations (Iglewicz and Hoaglin 1993).
fn outliers(values: &[f64]) -> usize {
    let Some(middle) = median(&mut values.to_vec()) else { return 0 };
    let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    let Some(deviation) = median(&mut distances) else { return 0 };
    values.iter().filter(|value| (*value - middle).abs() > 3.5 * 1.4826 * deviation).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> Metric {
        Metric::named("infer_time")
    }

    #[test]
    fn half_the_time_is_fifty_percent_better() {
        let baseline = [10.0, 12.0, 11.0, 10.5, 11.5, 11.0, 10.0, 12.0, 11.0, 10.0];
        let pairs = baseline.map(|time| (time, time / 2.0));
        let effect = Effect::of(&time(), &pairs).expect("pairs");
        assert!((effect.improvement_percent.expect("compared") - 50.0).abs() < 1e-9);
        assert_eq!(effect.verdict, Verdict::Better);
        assert_eq!((effect.samples, effect.outliers), (10, 0));
        assert!((effect.baseline - 11.0).abs() < 1e-9);
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

    #[test]
    fn five_clear_pairs_are_enough_and_four_are_not() {
        let of = |pairs: &[(f64, f64)]| Effect::of(&time(), pairs).expect("pairs");
        let clear = [(10.0, 5.0), (10.0, 5.2), (10.0, 4.9), (10.0, 5.1), (10.0, 4.8)];
        assert_eq!(of(&clear).verdict, Verdict::Better, "{:?}", of(&clear));
        assert_eq!((of(&clear[..4]).verdict, of(&clear[..4]).p), (Verdict::Inconclusive, None));
        let unsure = [(10.0, 5.0), (10.0, 9.9), (10.0, 4.0), (10.0, 9.5), (10.0, 2.0)];
        assert_eq!(of(&unsure).verdict, Verdict::Inconclusive, "all are better, by whatever: {:?}", of(&unsure));
    }

    #[test]
    fn an_outlier_is_counted_and_kept() {
        let mut pairs: Vec<(f64, f64)> = (0..20).map(|i| (10.0, 10.0 + 0.01 * f64::from(i % 7))).collect();
        pairs[4].1 = 40.0;
        let effect = Effect::of(&time(), &pairs).expect("pairs");
        assert_eq!((effect.samples, effect.outliers), (20, 1));
    }

    #[test]
    fn one_effect_of_many_needs_more_evidence() {
        let pairs: Vec<(f64, f64)> = (0..12).map(|i| (10.0, 8.0 + 0.1 * f64::from(i % 3))).collect();
        let effect = Effect::of(&time(), &pairs).expect("pairs");
        assert_eq!(effect.verdict, Verdict::Better);
        assert_eq!(effect.among_many(&time(), 0.2).verdict, Verdict::Inconclusive);
        assert_eq!(effect.among_many(&time(), 0.01).verdict, Verdict::Better);
    }
}
