//! How cells stand to what is known of them.

use crate::plan::Cell;
use crate::printable::printable;
use crate::run::environment::Environment;
use crate::run::event::Status;
use crate::spec::Known;
use crate::store::CellRow;
use std::collections::BTreeMap;

/// How the end of a cell stands to an expectation file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It works, as cells do.
    Works,
    /// It was not run.
    NotRun,
    /// It ended as is known; why.
    Expected(String),
    /// It ended as is known to happen now and then; why.
    Intermittent(String),
    /// It works, though it is known not to; why it should not.
    UnexpectedPass(String),
    /// It does not work, and nobody said so.
    Unexpected,
}

impl Standing {
    /// What a person should be told of a cell that stands so.
    #[must_use]
    pub fn remark(&self, cell: &Cell) -> Option<String> {
        let name = cell.title();
        let name = printable(&name);
        match self {
            Self::UnexpectedPass(why) => Some(format!("{name}: passes unexpectedly (known: {})", printable(why))),
            Self::Intermittent(why) => Some(format!("{name}: known to fail now and then ({})", printable(why))),
            _ => None,
        }
    }
}

/// How a cell that ended so stands to what is known: the first entry of the expectation file that is about it, or else
/// what its matrix expects.
#[must_use]
pub fn standing(known: &[Known], cell: &Cell, status: Option<Status>, environment: Option<&Environment>) -> Standing {
    let Some(status) = status.filter(|status| !matches!(status, Status::Unavailable | Status::Skipped)) else {
        return Standing::NotRun;
    };
    let works = !status.is_failure() && status != Status::Unsupported;
    match known.iter().find(|entry| entry.is_about(cell, environment)) {
        // Passing on a retry is passing, unless flaky is what is known.
        Some(entry) if entry.status == status || (entry.status == Status::Pass && status == Status::Flaky) => {
            if works {
                Standing::Works
            } else {
                Standing::Expected(entry.why.clone())
            }
        }
        Some(entry) if entry.intermittent.contains(&status) => Standing::Intermittent(entry.why.clone()),
        Some(entry) if works => Standing::UnexpectedPass(entry.why.clone()),
        Some(_) => Standing::Unexpected,
        None => as_planned(cell, status, works),
    }
}

/// The same for what the matrix expects, whose words may be those of table entries: `none` is whatever does not work,
/// `full` and `limited` are what works.
fn as_planned(cell: &Cell, status: Status, works: bool) -> Standing {
    let Some(expected) = &cell.expect else {
        return if works { Standing::Works } else { Standing::Unexpected };
    };
    let should_work =
        ["full", "limited", Status::Pass.name(), Status::Flaky.name()].contains(&expected.status.as_str());
    match (works, should_work) {
        (true, true) => Standing::Works,
        (true, false) => Standing::UnexpectedPass(expected.why.clone()),
        (false, false) if expected.status == "none" || expected.status == status.name() => {
            Standing::Expected(expected.why.clone())
        }
        (false, _) => Standing::Unexpected,
    }
}

/// Whether a cell failed, and nobody said it would.
#[must_use]
pub fn failed(known: &[Known], row: &CellRow, environment: Option<&Environment>) -> bool {
    row.status.is_some_and(Status::is_failure)
        && standing(known, &row.cell, row.status, environment) == Standing::Unexpected
}

/// The expectations that a run agrees with: entries that no longer hold are gone, what is new is added with the reason
/// recorded. Entries about cells that did not run stay as they are.
#[must_use]
pub fn updated(known: &[Known], cells: &[CellRow], environments: &BTreeMap<String, Environment>) -> Vec<Known> {
    let environment = |row: &CellRow| row.environment.as_ref().and_then(|id| environments.get(id));
    let stands = |row: &CellRow| standing(known, &row.cell, row.status, environment(row));
    let is_about = |entry: &Known, row: &CellRow| {
        known.iter().find(|first| first.is_about(&row.cell, environment(row))).is_some_and(|first| first == entry)
    };
    let still_holds = |entry: &&Known| {
        let about: Vec<Standing> = cells
            .iter()
            .filter(|row| is_about(entry, row))
            .map(stands)
            .filter(|standing| *standing != Standing::NotRun)
            .collect();
        about.is_empty()
            || about
                .iter()
                .any(|standing| matches!(standing, Standing::Expected(_) | Standing::Intermittent(_) | Standing::Works))
    };
    let mut entries: Vec<Known> = known.iter().filter(still_holds).cloned().collect();
    let new = cells.iter().filter(|row| matches!(stands(row), Standing::Unexpected)).filter_map(|row| {
        let status = row.status?;
        let reason = printable(&row.reason);
        let why = if reason.is_empty() { format!("ended as {}", status.name()) } else { reason.into_owned() };
        Some(Known::of_cell(&row.cell, environment(row), status, &why))
    });
    // What is narrower comes first: of several entries the first counts.
    let mut all: Vec<Known> = new.collect();
    all.append(&mut entries);
    all
}
