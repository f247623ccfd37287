//! What each optimization did in every run of a matrix, up to this one.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::measure::{levels, median};
use crate::run::event::Status;
use crate::store::{RunRow, Store};

/// An effect of an optimization over runs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trend {
    /// The words of the optimizations.
    pub(super) optimization: String,
    /// Their names for people.
    pub(super) title: String,
    /// The metric.
    pub(super) metric: String,
    /// The oldest first.
    pub(super) points: Vec<TrendPoint>,
}

/// A run of a trend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TrendPoint {
    /// The run.
    pub(super) run: String,
    /// When it began.
    pub(super) started_at: String,
    /// Median improvement of the cells that passed, in percent.
    pub(super) value: f64,
    /// The level it is on.
    pub(super) level: f64,
    /// Whether that level begins here.
    pub(super) step: bool,
}

/// Runs a trend goes back at most.
const MOST: usize = 40;

const METRICS: [&str; 2] = ["infer_time", "memory_peak"];

/// The trends of a matrix, for each optimization that `titles` names. Only cells that the newest run has, too, count, so
/// that a matrix that grew does not look like one that got slower.
pub(super) fn trends(store: &Store, run: &RunRow, titles: &[(String, String)]) -> Result<Vec<Trend>> {
    let is_before = |other: &RunRow| {
        other.info.name == run.info.name
            && (&other.info.started_at, &other.info.id) <= (&run.info.started_at, &run.info.id)
    };
    let mut runs: Vec<RunRow> = store.runs()?.into_iter().filter(is_before).take(MOST).collect();
    if runs.len() < 2 {
        return Ok(Vec::new());
    }
    runs.reverse();
    let mut of: BTreeMap<(usize, &str), Vec<TrendPoint>> = BTreeMap::new();
    for row in &runs {
        let improvements = store.improvements(&row.info.id, &run.info.id, &METRICS)?;
        for (at, (optimization, _)) in titles.iter().enumerate() {
            for metric in METRICS {
                let here = improvements.iter().filter(|it| it.optimization == *optimization && it.metric == metric);
                let mut values: Vec<f64> =
                    here.filter(|it| matches!(it.status, Status::Pass | Status::Flaky)).map(|it| it.percent).collect();
                let Some(value) = median(&mut values) else { continue };
                let (run, started_at) = (row.info.id.clone(), row.info.started_at.clone());
                of.entry((at, metric)).or_default().push(TrendPoint {
                    run,
                    started_at,
                    value,
                    level: value,
                    step: false,
                });
            }
        }
    }
    Ok(of.into_iter().map(|((at, metric), points)| leveled(&titles[at], metric, points)).collect())
}

fn leveled((optimization, title): &(String, String), metric: &str, mut points: Vec<TrendPoint>) -> Trend {
    for level in levels(&points.iter().map(|point| point.value).collect::<Vec<_>>()) {
        points[level.first..].iter_mut().for_each(|point| point.level = level.value);
        points[level.first].step = level.first > 0;
    }
    Trend { optimization: optimization.clone(), title: title.clone(), metric: metric.into(), points }
}
