//! What changed from one run to another, cell by cell and metric by metric.

use std::collections::BTreeMap;

use serde::Serialize;

use super::conditions::differences;
use super::side::Side;
use super::standing::{Standing, standing};
use crate::error::Result;
use crate::measure::{Change, Compare, Metric, Shift, adjust};
use crate::plan::Cell;
use crate::printable::printable;
use crate::run::environment::Environment;
use crate::run::event::{Arm, Status};
use crate::spec::Known;
use crate::store::{CellRow, SampleRow};

/// How two runs are to be judged.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    /// Losses in percent that are allowed, by metric; the metric's own threshold without.
    pub thresholds: BTreeMap<String, f64>,
    /// The loss allowed for every metric that is not exact and not named.
    pub threshold: Option<f64>,
    /// Facts of the fingerprint that may differ.
    pub across: Vec<String>,
    /// Only these metrics; all without.
    pub metrics: Vec<String>,
    /// Outcomes that are known.
    pub known: Vec<Known>,
}

/// Two runs, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared with.
    pub before: String,
    /// What is compared.
    pub after: String,
    /// Whether both are arms of one run, measured side by side.
    pub paired: bool,
    /// What can be said in one word.
    pub change: Change,
    /// Lines, counted by what they say.
    pub counts: BTreeMap<&'static str, usize>,
    /// Each cell and metric; what matters most first.
    pub lines: Vec<Line>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

/// One metric of one cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Id of the cell.
    pub cell: String,
    /// `Chrome · webgpu · minilm · int4`.
    pub title: String,
    /// The metric; `status` when it is about how the cell ended, `environment` when nothing could be compared.
    pub metric: String,
    /// Median before.
    pub before: Option<f64>,
    /// Median after.
    pub after: Option<f64>,
    /// Improvement, positive when better.
    pub improvement_percent: Option<f64>,
    /// Lower end of its 95 % interval.
    pub ci_low: Option<f64>,
    /// Upper end.
    pub ci_high: Option<f64>,
    /// Chance of such a difference if nothing had changed, given how many were looked at.
    pub p: Option<f64>,
    /// Samples before.
    pub samples_before: usize,
    /// Samples after.
    pub samples_after: usize,
    /// Loss that is allowed, in percent.
    pub threshold_percent: Option<f64>,
    /// Improvement of the baseline, which nothing was done to: what the machine, or the whole engine, changed.
    pub control_percent: Option<f64>,
    /// What can be said.
    pub change: Change,
    /// Why, where numbers do not say it.
    pub why: String,
}

impl Judge {
    fn threshold(&self, metric: &Metric) -> f64 {
        let own = if metric.exact { None } else { self.threshold };
        self.thresholds.get(metric.name).copied().or(own).unwrap_or(metric.threshold)
    }

    /// Whether a metric is compared: a row of the table that can be, not a category of one.
    fn wants(&self, name: &str) -> bool {
        let metric = Metric::named(name);
        let is_row = metric.name == name && metric.compare != Compare::Shown;
        is_row && (self.metrics.is_empty() || self.metrics.iter().any(|wanted| wanted == name))
    }

    /// Compares one arm of two runs.
    ///
    /// # Errors
    /// When a store cannot be read.
    pub fn compare(&self, before: &Side, after: &Side, arm: Arm) -> Result<Comparison> {
        let mut lines = Vec::new();
        let mut notes = Vec::new();
        let by_name = self.across.iter().any(|fact| fact == OPTIONS);
        let key = |row: &CellRow| if by_name { name_of(row) } else { row.cell.id.clone() };
        let old: BTreeMap<String, CellRow> = before.cells()?.into_iter().map(|row| (key(&row), row)).collect();
        let places = (before.environments()?, after.environments()?);
        let mut shared = 0;
        for row in after.cells()? {
            let here = row.environment.as_ref().and_then(|id| places.1.get(id));
            let stands = standing(&self.known, &row.cell, row.status, here);
            notes.extend(stands.remark(&row.cell));
            let Some(other) = old.get(&key(&row)) else { continue };
            shared += 1;
            let there = other.environment.as_ref().and_then(|id| places.0.get(id));
            if let Some(line) = of_status(other, &row, &stands) {
                lines.push(line);
                continue;
            }
            let differing = self.differing(there, here);
            if !differing.is_empty() {
                lines.push(Line { why: differing, ..Line::about(&row.cell, "environment", Change::Incomparable) });
                continue;
            }
            if row.status.is_some_and(Status::is_success) {
                let samples = (before.store.samples(other.id)?, after.store.samples(row.id)?);
                lines.extend(self.shifts(&row.cell, arm, &samples.0, &samples.1));
            }
        }
        let planned = after.cells()?.len();
        for (missing, run) in [(planned - shared, &before.run), (old.len().saturating_sub(shared), &after.run)] {
            if missing > 0 {
                let hint = if by_name { "" } else { "; --across options matches those of other options by name" };
                notes.push(format!("{missing} cells are not in {}{hint}", run.info.id));
            }
        }
        let names = [before, after].map(|side| format!("{} ({})", side.run.info.id, printable(&side.run.info.name)));
        Ok(self.judged(names, false, lines, notes))
    }

    /// Compares the two arms of one run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn compare_arms(&self, side: &Side) -> Result<Comparison> {
        let mut lines = Vec::new();
        for row in side.cells()? {
            for (name, effect) in side.store.effects(row.id)? {
                let Some(improvement) = effect.improvement_percent.filter(|_| self.wants(&name)) else { continue };
                lines.push(Line {
                    before: Some(effect.baseline),
                    after: Some(effect.treatment),
                    improvement_percent: Some(improvement),
                    ci_low: effect.interval.map(|interval| interval.low),
                    ci_high: effect.interval.map(|interval| interval.high),
                    p: effect.p,
                    samples_before: effect.samples,
                    samples_after: effect.samples,
                    threshold_percent: Some(self.threshold(&Metric::named(&name))),
                    ..Line::about(&row.cell, &name, Change::Unjudged)
                });
            }
        }
        let id = &side.run.info.id;
        Ok(self.judged([format!("{id} baseline"), format!("{id} treatment")], true, lines, Vec::new()))
    }

    /// In what two environments differ beyond what is allowed, as text; empty when in nothing.
    fn differing(&self, before: Option<&Environment>, after: Option<&Environment>) -> String {
        let (Some(before), Some(after)) = (before, after) else { return String::new() };
        let is_allowed = |name: &str| {
            self.across.iter().any(|allowed| {
                name == allowed || name.strip_prefix(allowed.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })
        };
        let differing = differences(before, after).into_iter().filter(|(name, ..)| !is_allowed(name));
        let texts = differing.map(|(name, before, after)| {
            let short = |text: &str| -> String { printable(text).chars().take(60).collect() };
            format!("{name}: {} → {}", short(&before), short(&after))
        });
        texts.collect::<Vec<_>>().join("; ")
    }

    fn shifts(&self, cell: &Cell, arm: Arm, before: &[SampleRow], after: &[SampleRow]) -> Vec<Line> {
        let control = (by_metric(before, Arm::Baseline), by_metric(after, Arm::Baseline));
        let (before, after) = (by_metric(before, arm), by_metric(after, arm));
        let shared = after.iter().filter(|(name, _)| self.wants(name));
        let lines = shared.filter_map(|(name, values)| {
            let metric = Metric::named(name);
            let shift = Shift::of(&metric, before.get(name)?, values)?;
            Some(Line {
                before: Some(shift.before),
                after: Some(shift.after),
                improvement_percent: Some(shift.improvement_percent),
                ci_low: shift.interval.map(|interval| interval.low),
                ci_high: shift.interval.map(|interval| interval.high),
                p: shift.p,
                samples_before: shift.samples.0,
                samples_after: shift.samples.1,
                threshold_percent: Some(self.threshold(&metric)),
                control_percent: (arm == Arm::Treatment && !metric.exact)
                    .then(|| Shift::of(&metric, control.0.get(name)?, control.1.get(name)?))
                    .flatten()
                    .map(|shift| shift.improvement_percent),
                ..Line::about(cell, name, Change::Unjudged)
            })
        });
        lines.collect()
    }

    /// Judges all lines as the many that they are, and says it in one word.
    fn judged(
        &self,
        [before, after]: [String; 2],
        paired: bool,
        mut lines: Vec<Line>,
        mut notes: Vec<String>,
    ) -> Comparison {
        let p: Vec<f64> = lines.iter().filter_map(|line| line.p).collect();
        let mut adjusted = adjust(&p).into_iter();
        for line in &mut lines {
            line.p = line.p.and_then(|_| adjusted.next());
            let Some((improvement, threshold)) = line.improvement_percent.zip(line.threshold_percent) else { continue };
            let interval = line.ci_low.zip(line.ci_high).map(|(low, high)| crate::measure::Interval { low, high });
            line.change = Change::of(improvement, interval, line.p, threshold);
            // Samples of one run know nothing of what differs between runs: a machine that was busier, a warmer cache.
            let moved = line.control_percent.filter(|control| control * improvement >= 0.5 * improvement * improvement);
            if let Some(control) = moved.filter(|_| matches!(line.change, Change::Regressed | Change::Improved)) {
                line.change = Change::Inconclusive;
                line.why = format!("the baseline moved by {control:+.1} %, too; --arm baseline compares it");
            }
        }
        lines.sort_by_key(|line| line.change);
        let mut counts = BTreeMap::new();
        for line in &lines {
            *counts.entry(line.change.name()).or_insert(0) += 1;
        }
        notes.dedup();
        Comparison { before, after, paired, change: overall(&lines), counts, lines, notes }
    }
}

impl Line {
    fn about(cell: &Cell, metric: &str, change: Change) -> Self {
        Self {
            cell: cell.id.clone(),
            title: printable(&cell.title()).into_owned(),
            metric: printable(metric).into_owned(),
            before: None,
            after: None,
            improvement_percent: None,
            ci_low: None,
            ci_high: None,
            p: None,
            samples_before: 0,
            samples_after: 0,
            threshold_percent: None,
            control_percent: None,
            change,
            why: String::new(),
        }
    }
}

/// What `across` holds when cells may have other options, as after an update that added some.
const OPTIONS: &str = "options";

/// A cell without its options.
fn name_of(row: &CellRow) -> String {
    let cell = &row.cell;
    let scenario = serde_json::to_string(&cell.scenario).unwrap_or_default();
    let words = [cell.browser.name(), cell.platform.name(), &cell.model.title(), &cell.treated(), &scenario];
    words.join(" ")
}

/// One word for all: what is bad outweighs what is unclear, that outweighs what is good.
fn overall(lines: &[Line]) -> Change {
    let any = |wanted: Change| lines.iter().any(|line| line.change == wanted);
    let order = [Change::Regressed, Change::Inconclusive, Change::Improved, Change::Unchanged, Change::Incomparable];
    order.into_iter().find(|change| any(*change)).unwrap_or(Change::Inconclusive)
}

/// What the way a cell ended says, where its numbers cannot be compared.
fn of_status(before: &CellRow, after: &CellRow, standing: &Standing) -> Option<Line> {
    let works = |row: &CellRow| row.status.is_some_and(Status::is_success);
    let ran = |row: &CellRow| !matches!(row.status, None | Some(Status::Unavailable | Status::Skipped));
    let word = |row: &CellRow| row.status.map_or("not reached", Status::name);
    let change = match (works(before), works(after)) {
        (true, true) => return None,
        (false, false) => return None,
        _ if !ran(before) || !ran(after) => Change::Incomparable,
        (true, false) if matches!(standing, Standing::Expected(_) | Standing::Intermittent(_)) => return None,
        (true, false) => Change::Regressed,
        (false, true) => Change::Improved,
    };
    let reason = printable(&after.reason);
    let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let why = format!("{} before, now {}{because}", word(before), word(after));
    Some(Line { why, ..Line::about(&after.cell, "status", change) })
}

/// The valid values of an arm by metric, in the order they were measured.
fn by_metric(samples: &[SampleRow], arm: Arm) -> BTreeMap<&str, Vec<f64>> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.valid && sample.arm == arm) {
        values.entry(&sample.metric).or_default().extend(sample.value);
    }
    values
}
