//! How an effect went from run to run, and where it changed.

use serde::Serialize;

use super::conditions::differences;
use crate::error::{Error, Result};
use crate::measure::levels;
use crate::printable::printable;
use crate::run::environment::Environment;
use crate::run::event::Status;
use crate::spec::is_model;
use crate::store::Store;

/// One cell of the plan over all runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct History {
    /// `Chrome · webgpu · minilm · int4`.
    pub title: String,
    /// Id of the cell.
    pub cell: String,
    /// The metric.
    pub metric: String,
    /// Its results, the oldest first.
    pub points: Vec<Point>,
}

/// The result of one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The run.
    pub run: String,
    /// When it began.
    pub started_at: String,
    /// The engine, short.
    pub engine: String,
    /// Browser and version.
    pub product: String,
    /// Median of the baseline.
    pub baseline: f64,
    /// Median of the treatment.
    pub treatment: f64,
    /// Improvement.
    pub improvement_percent: f64,
    /// Lower end of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// The level that this run and its neighbours are on.
    pub level: f64,
    /// Whether that level begins here, and another was before.
    pub step: bool,
    /// What differs from the environment of the run before, as text; empty when nothing does.
    pub environment_change: String,
}

impl History {
    /// The history of a metric in every cell of a model with an optimization.
    ///
    /// # Errors
    /// When the store cannot be read, or knows no such cell.
    pub fn read(store: &Store, model: &str, optimization: &str, metric: &str) -> Result<Vec<Self>> {
        let mut histories: Vec<(Self, Option<Environment>)> = Vec::new();
        let (mut models, mut optimizations) = (Vec::new(), Vec::new());
        let mut runs = store.runs()?;
        runs.reverse();
        for run in runs {
            let environments = store.environments(&run.info.id)?;
            for row in store.cells(&run.info.id)? {
                let cell = &row.cell;
                models.push(cell.model.name.clone());
                optimizations.push(cell.optimization());
                if !is_model(model, &cell.model) || cell.optimization() != optimization {
                    continue;
                }
                if !row.status.is_some_and(Status::is_success) {
                    continue;
                }
                let effects = store.effects(row.id)?;
                let Some((_, effect)) = effects.iter().find(|(name, _)| name == metric) else { continue };
                let Some(improvement_percent) = effect.improvement_percent else { continue };
                let at = histories.iter().position(|(history, _)| history.cell == cell.id).unwrap_or_else(|| {
                    let title = format!(
                        "{} · {} · {} · {optimization}",
                        cell.browser.title(),
                        cell.platform.name(),
                        cell.model.title()
                    );
                    let (cell, metric) = (cell.id.clone(), metric.to_owned());
                    histories
                        .push((Self { title: printable(&title).into_owned(), cell, metric, points: Vec::new() }, None));
                    histories.len() - 1
                });
                let environment = row.environment.as_ref().and_then(|id| environments.get(id)).cloned();
                let (history, last) = &mut histories[at];
                let change = last.as_ref().zip(environment.as_ref()).map_or(String::new(), |(b, a)| changed(b, a));
                let product =
                    environment.as_ref().map_or(String::new(), |it| format!("{} {}", it.product, it.browser_version));
                history.points.push(Point {
                    run: run.info.id.clone(),
                    started_at: run.info.started_at.clone(),
                    engine: run.info.engine_hash.chars().take(12).collect(),
                    product: printable(product.trim()).into_owned(),
                    baseline: effect.baseline,
                    treatment: effect.treatment,
                    improvement_percent,
                    ci_low: effect.interval.map(|interval| interval.low),
                    ci_high: effect.interval.map(|interval| interval.high),
                    level: improvement_percent,
                    step: false,
                    environment_change: change,
                });
                *last = environment.or_else(|| last.take());
            }
        }
        if histories.is_empty() {
            let unique = |mut words: Vec<String>| {
                words.sort();
                words.dedup();
                words.iter().map(|word| printable(word).into_owned()).collect::<Vec<_>>().join(", ")
            };
            return Err(Error::usage(format!("no run has `{metric}` of `{model}` with `{optimization}`"))
                .note(format!("models: {}", unique(models)))
                .note(format!("optimizations: {}", unique(optimizations))));
        }
        Ok(histories.into_iter().map(|(history, _)| history.with_levels()).collect())
    }

    fn with_levels(mut self) -> Self {
        let values: Vec<f64> = self.points.iter().map(|point| point.improvement_percent).collect();
        for level in levels(&values) {
            for point in &mut self.points[level.first..] {
                point.level = level.value;
            }
            self.points[level.first].step = level.first > 0;
        }
        self
    }
}

fn changed(before: &Environment, after: &Environment) -> String {
    let texts = differences(before, after).into_iter().map(|(name, before, after)| {
        let short = |text: &str| -> String { printable(text).chars().take(40).collect() };
        format!("{name}: {} → {}", short(&before), short(&after))
    });
    texts.collect::<Vec<_>>().join("; ")
}
