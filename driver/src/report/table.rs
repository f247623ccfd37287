//! The compatibility table: a row for each browser and platform, a column for each set of optimizations.

use std::collections::BTreeMap;

use matrix_engine::protocol::Platform;
use serde::Serialize;

use super::compat::{self, Judged, Support};
use super::machine::EnvironmentView;
use super::view::{Measured, title_of};
use crate::browser::BrowserId;
use crate::plan::Cell;
use crate::printable::printable;
use crate::spec::OPTIMIZATIONS;

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The words of the optimizations.
    pub optimization: String,
    /// Their names for people.
    pub title: String,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Word of the browser.
    pub browser: String,
    /// Its name for people.
    pub title: String,
    /// Word of the platform.
    pub platform: String,
    /// What ran, on what; empty when nothing did.
    pub ran: String,
    /// Footnotes of the row.
    pub notes: Vec<usize>,
    /// One entry for each column.
    pub entries: Vec<Entry>,
}

/// An entry of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// What it says.
    pub support: Support,
    /// The same for people.
    pub title: String,
    /// Its footnotes.
    pub notes: Vec<usize>,
    /// The cells behind it.
    pub cells: Vec<String>,
    /// Their models, in the same order.
    pub models: Vec<String>,
}

/// A footnote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its number, from 1.
    pub number: usize,
    /// Its text.
    pub text: String,
}

/// Footnotes in the order they are first needed, each text once.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    /// The notes, in order.
    pub(super) fn listed(self) -> Vec<Note> {
        self.0.into_iter().enumerate().map(|(i, text)| Note { number: i + 1, text }).collect()
    }

    fn number(&mut self, text: &str) -> usize {
        let text = printable(text);
        let known = self.0.iter().position(|known| *known == text);
        known.unwrap_or_else(|| {
            self.0.push(text.into_owned());
            self.0.len() - 1
        }) + 1
    }
}

/// The optimizations of a run, in the order of the catalogue; sets of several after single ones.
pub(super) fn columns(cells: &[Measured]) -> Vec<Column> {
    let position = |word: &str| OPTIMIZATIONS.iter().position(|row| row.word == word);
    let mut sets: Vec<&Vec<String>> = Vec::new();
    for cell in cells {
        if !sets.contains(&&cell.row.cell.optimizations) {
            sets.push(&cell.row.cell.optimizations);
        }
    }
    sets.sort_by_key(|set| (set.len(), set.iter().map(|word| position(word)).collect::<Vec<_>>()));
    let title = |word: &String| title_of(word);
    sets.iter()
        .map(|set| Column { optimization: set.join("+"), title: set.iter().map(title).collect::<Vec<_>>().join(" + ") })
        .collect()
}

/// The rows, with their notes.
pub(super) fn rows(
    cells: &[Measured],
    columns: &[Column],
    environments: &BTreeMap<String, EnvironmentView>,
    notes: &mut Notes,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for browser in BrowserId::ALL {
        for platform in Platform::ALL {
            let here = |cell: &&Measured| cell.row.cell.browser == browser && cell.row.cell.platform == platform;
            let here: Vec<&Measured> = cells.iter().filter(here).collect();
            if here.is_empty() {
                continue;
            }
            let mut seen: Vec<&EnvironmentView> = Vec::new();
            for environment in here.iter().filter_map(|cell| environments.get(cell.row.environment.as_deref()?)) {
                if !seen.iter().any(|other| other.id == environment.id) {
                    seen.push(environment);
                }
            }
            let row_notes = seen.iter().flat_map(|environment| {
                let stand_in = environment.stand_in.clone();
                let software = environment
                    .software
                    .then(|| format!("{}: no GPU, its times are those of a CPU", environment.device));
                stand_in.into_iter().chain(software)
            });
            let mut row_notes: Vec<usize> = row_notes.map(|text| notes.number(&text)).collect();
            row_notes.dedup();
            let ran: Vec<String> = seen.iter().map(|seen| format!("{}, {}", seen.product, seen.device)).collect();
            rows.push(Row {
                browser: browser.name().into(),
                title: browser.title().into(),
                platform: platform.name().into(),
                ran: ran.join("; "),
                notes: row_notes,
                entries: columns.iter().map(|column| entry(column, &here, notes)).collect(),
            });
        }
    }
    rows
}

fn entry(column: &Column, here: &[&Measured], notes: &mut Notes) -> Entry {
    let judged: Vec<Judged<'_>> = here
        .iter()
        .filter(|cell| cell.row.cell.optimization() == column.optimization)
        .map(|cell| Judged {
            cell: &cell.row.cell,
            status: cell.row.status,
            reason: &cell.row.reason,
            effects: &cell.effects,
            fallbacks: &cell.fallbacks,
        })
        .collect();
    let (support, texts) = compat::entry(&judged);
    Entry {
        support,
        title: support.title().into(),
        notes: texts.iter().map(|text| notes.number(text)).collect(),
        cells: judged.iter().map(|judged| judged.cell.id.clone()).collect(),
        models: judged.iter().map(|judged| printable(&named(judged.cell)).into_owned()).collect(),
    }
}

/// The model, and what is set otherwise than in the other cells.
fn named(cell: &Cell) -> String {
    let model = cell.model.title();
    if cell.variant.is_empty() { model } else { format!("{model}: {}", cell.variant) }
}
