//! One cell with all its evidence.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compat::{self, Met};
use super::operation::PassView;
use crate::error::Result;
use crate::measure::{Compare, Effect, Metric};
use crate::printable::printable;
use crate::run::event::{Arm, Status};
use crate::store::{CellRow, SampleRow, Store};

/// A cell, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellView {
    /// Its stable name.
    pub key: String,
    /// `Chrome · webgpu · minilm · int4`.
    pub title: String,
    /// Word of the browser.
    pub browser: String,
    /// Word of the platform.
    pub platform: String,
    /// Name of the model.
    pub model: String,
    /// Whether its weights are made up.
    pub synthetic: bool,
    /// Words of the optimizations, joined by `+`.
    pub optimization: String,
    /// Their options, as JSON.
    pub options: String,
    /// Its status; `running` when it has none.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Every attempt.
    pub attempts: Vec<AttemptView>,
    /// Fingerprint of the environment it last ran in.
    pub environment: Option<String>,
    /// What was measured, in the order of importance.
    pub effects: Vec<EffectView>,
    /// Whether any of it belongs into the table of all cells.
    pub has_main: bool,
    /// What was expected.
    pub goals: Vec<GoalView>,
    /// The raw samples.
    pub samples: Vec<SeriesView>,
    /// What operations take by themselves, where that was asked for.
    pub passes: Vec<PassView>,
    /// What was said, as level and text.
    pub logs: Vec<(String, String)>,
    /// Evidence kept in the store, as kind and hash.
    pub artifacts: Vec<(String, String)>,
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptView {
    /// 1, 2, …
    pub number: u32,
    /// How it went; `running` when it did not end.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// When it began.
    pub started_at: String,
    /// Why sampling ended and after how many blocks; empty when it did not come so far.
    pub stopped: String,
}

/// An effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EffectView {
    /// The metric.
    pub metric: String,
    /// Its name for people.
    pub title: String,
    /// Whether it belongs into the table of all cells.
    pub is_main: bool,
    /// Median of the baseline.
    pub baseline: f64,
    /// Median of the treatment.
    pub treatment: f64,
    /// Improvement, positive when better.
    pub improvement_percent: Option<f64>,
    /// Lower end of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// Wilcoxon's p.
    pub p: Option<f64>,
    /// Number of pairs.
    pub samples: usize,
    /// Pairs far from the others, which count like any other.
    pub outliers: usize,
    /// `better`, `worse`, `none`, `inconclusive` or `shown`.
    pub verdict: String,
    /// The same as text.
    pub shown: Shown,
}

/// Numbers of an effect as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// Median of the baseline.
    pub baseline: String,
    /// Median of the treatment.
    pub treatment: String,
    /// Improvement; a dash when there is none.
    pub improvement: String,
    /// Its interval; empty when there is none.
    pub interval: String,
    /// Wilcoxon's p; empty when there is none.
    pub p: String,
}

/// An expectation and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GoalView {
    /// What was expected.
    pub text: String,
    /// What was measured.
    pub measured: String,
    /// Whether that is as expected.
    pub met: Met,
}

/// The raw samples of one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesView {
    /// The metric.
    pub metric: String,
    /// Its name for people.
    pub title: String,
    /// Its unit.
    pub unit: String,
    /// Block and value of every valid sample of the baseline.
    pub baseline: Vec<(u32, f64)>,
    /// The same of the treatment.
    pub treatment: Vec<(u32, f64)>,
    /// Samples that do not count.
    pub invalid: usize,
}

/// Metrics that stand in the table of all cells.
const MAIN: [&str; 10] = [
    "load_time",
    "reload_time",
    "first_infer_time",
    "front_end_time",
    "infer_time",
    "prefill_time",
    "token_time",
    "weight_bytes",
    "memory_peak",
    "accuracy.cosine",
];

/// Most log lines of a cell in a report.
const MOST_LOGS: usize = 50;

impl CellView {
    /// Reads the evidence of a cell.
    pub(super) fn read(store: &Store, run: &str, row: &CellRow, effects: &[(String, Effect)]) -> Result<Self> {
        let cell = &row.cell;
        let status = |status: Option<Status>| status.map_or("running", Status::name).to_owned();
        let attempts = store.attempts(row.id)?.into_iter().map(|attempt| AttemptView {
            number: attempt.number,
            outcome: status(attempt.outcome),
            reason: printable(&attempt.reason).into_owned(),
            started_at: attempt.started_at,
            stopped: attempt
                .stopped
                .map_or(String::new(), |(why, blocks)| format!("{} after {blocks} blocks", why.name())),
        });
        let mut logs = store.logs(run, &cell.id)?;
        let dropped = logs.len().saturating_sub(MOST_LOGS);
        let dropped = (dropped > 0).then(|| ("info".to_owned(), format!("… {dropped} earlier lines are in the store")));
        let logs = logs.split_off(logs.len().saturating_sub(MOST_LOGS));
        let logs = logs.iter().map(|log| (printable(&log.level).into_owned(), printable(&log.text).into_owned()));
        let mut shown: Vec<EffectView> =
            effects.iter().map(|(metric, effect)| EffectView::of(metric, effect)).collect();
        shown.sort_by_key(|effect| (Metric::position_of(&effect.metric), effect.metric.clone()));
        let artifacts = store.artifacts(row.id)?.into_iter();
        Ok(Self {
            key: cell.id.clone(),
            title: printable(&cell.title()).into_owned(),
            browser: cell.browser.name().into(),
            platform: cell.platform.name().into(),
            model: printable(&cell.model.name).into_owned(),
            synthetic: cell.model.is_synthetic(),
            optimization: cell.optimization(),
            options: serde_json::to_string(&cell.treatment).unwrap_or_default(),
            status: status(row.status),
            reason: printable(&row.reason).into_owned(),
            attempts: attempts.collect(),
            environment: row.environment.clone(),
            has_main: shown.iter().any(|effect| effect.is_main),
            effects: shown,
            goals: cell.goals.iter().map(|goal| GoalView::of(goal, effects)).collect(),
            samples: series(store.samples(row.id)?),
            passes: PassView::all(&store.operations(row.id)?),
            logs: dropped.into_iter().chain(logs).collect(),
            artifacts: artifacts.map(|artifact| (printable(&artifact.kind).into_owned(), artifact.hash)).collect(),
        })
    }
}

impl EffectView {
    fn of(metric: &str, effect: &Effect) -> Self {
        let row = Metric::named(metric);
        let points = row.compare == Compare::Points;
        let is_exact = row.exact && effect.interval.is_some_and(|interval| interval.half_width() == 0.0);
        let shown = Shown {
            p: effect.p.map_or(String::new(), |p| if p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") }),
            baseline: row.show(effect.baseline),
            treatment: row.show(effect.treatment),
            improvement: effect.improvement_percent.map_or("–".into(), |percent| signed(percent, points)),
            interval: effect.interval.filter(|_| !is_exact).map_or(String::new(), |interval| {
                format!("{} … {}", signed(interval.low, points), signed(interval.high, points))
            }),
        };
        Self {
            metric: printable(metric).into_owned(),
            title: printable(&Metric::title_of(metric)).into_owned(),
            is_main: MAIN.contains(&metric),
            baseline: effect.baseline,
            treatment: effect.treatment,
            improvement_percent: effect.improvement_percent,
            ci_low: effect.interval.map(|interval| interval.low),
            ci_high: effect.interval.map(|interval| interval.high),
            p: effect.p,
            samples: effect.samples,
            outliers: effect.outliers,
            verdict: effect.verdict.name().into(),
            shown,
        }
    }
}

impl GoalView {
    fn of(goal: &crate::spec::Goal, effects: &[(String, Effect)]) -> Self {
        let (met, measured) = compat::check(goal, effects);
        Self { text: goal.to_string(), measured, met }
    }
}

/// `+19.8 %`, `−0.7 pp`.
pub(super) fn signed(percent: f64, points: bool) -> String {
    let unit = if points { "pp" } else { "%" };
    let digits = if percent.abs() < 1.0 { 2 } else { 1 };
    let text = format!("{percent:+.digits$} {unit}").replace('-', "−");
    // What rounds to nothing has no sign.
    if text.chars().any(|c| ('1'..='9').contains(&c)) { text } else { format!("0 {unit}") }
}

fn series(samples: Vec<SampleRow>) -> Vec<SeriesView> {
    let mut by_metric: BTreeMap<String, SeriesView> = BTreeMap::new();
    for sample in samples {
        let series = by_metric.entry(sample.metric.clone()).or_insert_with(|| SeriesView {
            metric: printable(&sample.metric).into_owned(),
            title: printable(&Metric::title_of(&sample.metric)).into_owned(),
            unit: printable(&sample.unit).into_owned(),
            baseline: Vec::new(),
            treatment: Vec::new(),
            invalid: 0,
        });
        match (sample.value.filter(|_| sample.valid), sample.arm) {
            (Some(value), Arm::Baseline) => series.baseline.push((sample.block, value)),
            (Some(value), Arm::Treatment) => series.treatment.push((sample.block, value)),
            (None, _) => series.invalid += 1,
        }
    }
    let mut all: Vec<SeriesView> = by_metric.into_values().collect();
    all.sort_by_key(|series| Metric::position_of(&series.metric));
    all
}

#[cfg(test)]
mod tests {
    use super::signed;

    #[test]
    fn improvements_are_signed_and_short() {
        assert_eq!(signed(19.84, false), "+19.8 %");
        assert_eq!(signed(-0.701, true), "−0.70 pp");
        assert_eq!(signed(-0.0001, false), "0 %");
    }
}
