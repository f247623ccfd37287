//! A whole run, ready to be shown. Its JSON is an interface: fields are added, never changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cell::{CellView, signed};
use super::chart::{ChartView, charts};
use super::claims::{self, ClaimView, RecommendationView};
use super::lengths::curves;
use super::machine::EnvironmentView;
use super::screenshot::screenshots;
use super::support::{SupportView, support};
use super::table::{Column, Note, Notes, Row, columns, rows};
use super::timeline::timelines;
use super::trend::trends;
use super::without::{Without, without};
use crate::error::{Error, Result};
use crate::measure::{Effect, Metric};
use crate::printable::printable;
use crate::run::event::{FALLBACK, Status};
use crate::spec::OPTIMIZATIONS;
use crate::store::{CellRow, RunRow, Store};

/// A run, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// The run.
    pub run: RunView,
    /// How it went, counted.
    pub summary: Summary,
    /// What each optimization did, over all cells that passed.
    pub headlines: Vec<Headline>,
    /// The columns of the compatibility table.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Its footnotes.
    pub notes: Vec<Note>,
    /// Every cell, in the order of the plan.
    pub cells: Vec<CellView>,
    /// Those of them that have nothing to show, by why.
    pub without: Vec<Without>,
    /// Where they ran, by fingerprint.
    pub environments: BTreeMap<String, EnvironmentView>,
    /// What the optimization guide claims, and what was measured of it.
    pub claims: Vec<ClaimView>,
    /// Its compatibility table, claimed and measured.
    pub support: Vec<SupportView>,
    /// Its recommendations, and what was measured of them.
    pub recommendations: Vec<RecommendationView>,
    /// Metrics of the table of all cells, each with its name for people.
    pub effect_columns: Vec<(String, String)>,
    /// Charts of the whole run.
    pub charts: Vec<ChartView>,
    /// Whether there are so many cells that each must be told briefly.
    pub brief: bool,
    #[serde(skip)]
    is_one: bool,
    /// Pictures of failures, by cell, as data URLs; templates get them from `screenshot(cell)`.
    #[serde(skip)]
    pub(super) screenshots: BTreeMap<String, String>,
    /// How memory went, by cell, as drawings; templates get them from `memory_plots(cell)`.
    #[serde(skip)]
    pub(super) timelines: BTreeMap<String, String>,
}

/// Identity of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// Name of the matrix.
    pub name: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// `running`, `finished` or `interrupted`.
    pub status: String,
    /// Hash of the matrix.
    pub matrix_hash: String,
    /// Hash of the engine.
    pub engine_hash: String,
}

/// Cells, counted by how they ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// All.
    pub cells: usize,
    /// Passed, flaky ones included.
    pub passed: usize,
    /// Passed on a retry.
    pub flaky: usize,
    /// Failed, timed out or crashed.
    pub failed: usize,
    /// Not supported by the browser.
    pub unsupported: usize,
    /// Not run.
    pub not_run: usize,
    /// All this in one sentence.
    pub sentence: String,
    /// Whether any number comes from made-up weights.
    pub any_synthetic: bool,
    /// Whether any GPU was imitated by the CPU.
    pub any_software: bool,
}

/// What an optimization did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Headline {
    /// Its name for people.
    pub title: String,
    /// Name of a metric and the range of improvements.
    pub effects: Vec<(String, String)>,
    /// Cells this is about.
    pub cells: usize,
}

/// A cell with its effects.
pub(super) struct Measured {
    pub(super) row: CellRow,
    pub(super) effects: Vec<(String, Effect)>,
    /// What could not be had there, and what was done instead.
    pub(super) fallbacks: Vec<String>,
}

/// More cells than this are told briefly.
const BRIEF: usize = 150;

impl View {
    /// Reads a run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(store: &Store, run: &RunRow) -> Result<Self> {
        let id = &run.info.id;
        let mut cells = Vec::new();
        for row in store.cells(id)? {
            let effects = store.effects(row.id)?;
            let fallbacks = store.logs(id, &row.cell.id)?.into_iter().filter(|log| log.level == FALLBACK);
            let fallbacks = fallbacks.map(|log| printable(&log.text).into_owned()).collect();
            cells.push(Measured { row, effects, fallbacks });
        }
        let environments: BTreeMap<String, EnvironmentView> = store
            .environments(id)?
            .iter()
            .map(|(id, environment)| (id.clone(), EnvironmentView::of(environment)))
            .collect();
        let columns = columns(&cells);
        let mut notes = Notes::default();
        let rows = rows(&cells, &columns, &environments, &mut notes);
        let views = cells.iter().map(|cell| CellView::read(store, id, &cell.row, &cell.effects));
        let views = views.collect::<Result<Vec<_>>>()?;
        let titles: Vec<(String, String)> =
            columns.iter().map(|column| (column.optimization.clone(), column.title.clone())).collect();
        let trends = trends(store, run, &titles)?;
        Ok(Self {
            run: RunView {
                id: id.clone(),
                name: printable(&run.info.name).into_owned(),
                started_at: run.info.started_at.clone(),
                finished_at: run.finished_at.clone(),
                status: run.status.name().into(),
                matrix_hash: run.info.matrix_hash.clone(),
                engine_hash: run.info.engine_hash.clone(),
            },
            summary: summary(&cells, &environments),
            headlines: columns.iter().filter_map(|column| headline(column, &cells)).collect(),
            notes: notes.listed(),
            claims: claims::claims(&cells, &title_of),
            support: support(&cells, &rows, &columns),
            recommendations: claims::recommendations(&cells, &title_of),
            effect_columns: effect_columns(&views),
            charts: charts(&views, &trends).into_iter().chain(curves(&cells)).collect(),
            brief: cells.len() > BRIEF,
            is_one: false,
            screenshots: screenshots(store, &cells)?,
            timelines: timelines(store, &cells)?,
            columns,
            rows,
            without: without(&views),
            cells: views,
            environments,
        })
    }

    /// Whether this is about one cell only.
    pub(super) fn is_one_cell(&self) -> bool {
        self.is_one
    }

    /// Only the cell that `wanted` names by its key or the start of it, told in full.
    ///
    /// # Errors
    /// When no cell or several are called so.
    pub fn only(&self, wanted: &str) -> Result<Self> {
        let mut found = self.cells.iter().filter(|cell| cell.key.starts_with(wanted));
        match (found.next(), found.next()) {
            (Some(cell), None) => {
                let mut environments = self.environments.clone();
                environments.retain(|id, _| cell.environment.as_ref() == Some(id));
                let without = without(std::slice::from_ref(cell));
                Ok(Self {
                    cells: vec![cell.clone()],
                    without,
                    brief: false,
                    is_one: true,
                    environments,
                    ..self.clone()
                })
            }
            (Some(_), Some(_)) => {
                Err(Error::usage(format!("several cells begin with `{wanted}`")).hint("write more of the id"))
            }
            (None, _) => Err(Error::usage(format!("run {} has no cell `{wanted}`", self.run.id))
                .hint("`matrix report --format csv` lists them")),
        }
    }

    /// The environment a cell ran in.
    #[must_use]
    pub fn environment_of(&self, cell: &CellView) -> Option<&EnvironmentView> {
        self.environments.get(cell.environment.as_deref()?)
    }
}

/// The main metrics that any cell has, in the order of importance.
fn effect_columns(cells: &[CellView]) -> Vec<(String, String)> {
    let mut columns: Vec<(String, String)> = Vec::new();
    for effect in cells.iter().flat_map(|cell| &cell.effects).filter(|effect| effect.is_main) {
        if !columns.iter().any(|(metric, _)| *metric == effect.metric) {
            columns.push((effect.metric.clone(), effect.title.clone()));
        }
    }
    columns.sort_by_key(|(metric, _)| Metric::position_of(metric));
    columns
}

/// The name of an optimization for people.
pub(super) fn title_of(word: &str) -> String {
    let known = OPTIMIZATIONS.iter().find(|row| row.word == word);
    known.map(|row| row.title).or_else(|| claims::name_of(word)).unwrap_or(word).to_owned()
}

fn summary(cells: &[Measured], environments: &BTreeMap<String, EnvironmentView>) -> Summary {
    let count = |is: fn(Status) -> bool| cells.iter().filter(|cell| cell.row.status.is_some_and(is)).count();
    let (passed, failed) = (count(Status::is_success), count(Status::is_failure));
    let (flaky, unsupported) = (count(|status| status == Status::Flaky), count(|status| status == Status::Unsupported));
    let not_run = cells.len() - passed - failed - unsupported;
    let mut sentence = format!("{passed} of {} cells passed", cells.len());
    let counted = [(flaky, "only on a retry"), (failed, "failed"), (unsupported, "unsupported"), (not_run, "not run")];
    for (number, what) in counted.into_iter().filter(|(number, _)| *number > 0) {
        sentence.push_str(&format!(", {number} {what}"));
    }
    Summary {
        cells: cells.len(),
        passed,
        flaky,
        failed,
        unsupported,
        not_run,
        sentence,
        any_synthetic: cells.iter().any(|cell| cell.row.cell.model.is_synthetic() && !cell.effects.is_empty()),
        any_software: environments.values().any(|environment| environment.software),
    }
}

fn headline(column: &Column, cells: &[Measured]) -> Option<Headline> {
    let passed: Vec<&Measured> = cells
        .iter()
        .filter(|cell| {
            cell.row.cell.optimization() == column.optimization && cell.row.status.is_some_and(Status::is_success)
        })
        .collect();
    // What an optimization is for comes first.
    let has = |word: &str| column.optimization.split('+').any(|part| part == word);
    let own = [
        ("compute_shaders", "front_end_time"),
        ("shader_precompile", "first_infer_time"),
        ("shader_precompile", "time_to_first_infer"),
        ("progressive_loading", "whole_peak"),
    ];
    let own: Vec<&str> = own.into_iter().filter(|(word, _)| has(word)).map(|(_, metric)| metric).collect();
    let shown = own.iter().copied().chain(["infer_time", "load_time", "reload_time", "memory_peak", "weight_bytes"]);
    let effects = shown.filter_map(|metric| {
        let values = passed.iter().flat_map(|cell| &cell.effects).filter(|(name, _)| name == metric);
        // What one or two pages say of anything else is noise.
        let values = values.filter(|(_, effect)| own.contains(&metric) || effect.interval.is_some());
        let values: Vec<f64> = values.filter_map(|(_, effect)| effect.improvement_percent).collect();
        let low = values.iter().copied().min_by(f64::total_cmp)?;
        let high = values.iter().copied().max_by(f64::total_cmp)?;
        let (low, high) = (signed(low, false), signed(high, false));
        Some((Metric::title_of(metric), if low == high { low } else { format!("{low} … {high}") }))
    });
    let effects: Vec<(String, String)> = effects.collect();
    (!effects.is_empty()).then(|| Headline { title: column.title.clone(), effects, cells: passed.len() })
}
