//! Which report, in which format.

use std::path::Path;

use clap::ValueEnum;
use serde_json::json;

use super::rows::{RowsFormat, render_rows};
use super::terminal::{self, Look};
use super::view::View;
use super::{CellView, EffectView, bcd, github, junit, template};
use crate::error::{Error, Result};
use crate::measure::{Metric, Unit};
use crate::printable::printable_json;
use crate::store::{Rows, Value};

/// A report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Which optimization works in which browser
    Compat,
    /// What the optimizations gained and cost
    #[value(name = "web_optimizations")]
    WebOptimizations,
    /// What the optimization guide claims, beside what was measured
    Claims,
    /// Memory of both arms, by kind
    Memory,
}

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// One self-contained page with all the evidence, whichever report
    Html,
    /// Markdown
    #[value(name = "md")]
    Markdown,
    /// The data
    Json,
    /// The data, one line each
    Csv,
    /// JUnit XML with flaky and rerun elements, whichever report
    Junit,
    /// The compatibility table in the shape of browser-compat-data, whichever report
    Bcd,
    /// Annotations for GitHub Actions, whichever report
    Github,
}

/// Renders a report. Files in the folder `templates` take the place of the built-in templates of the same name.
///
/// # Errors
/// When a template of the user is wrong.
pub fn render(view: &View, kind: Kind, format: Format, look: Look, templates: Option<&Path>) -> Result<String> {
    match (format, kind) {
        (Format::Table, Kind::Claims | Kind::Memory) => Ok(render_rows(&listed(view, kind), RowsFormat::Table, look)),
        (Format::Markdown, Kind::Claims | Kind::Memory) => {
            Ok(render_rows(&listed(view, kind), RowsFormat::Markdown, look))
        }
        (Format::Csv, Kind::Claims | Kind::Memory) => Ok(render_rows(&listed(view, kind), RowsFormat::Csv, look)),
        (Format::Json, Kind::Claims) => pretty(&json!({
            "run": view.run, "claims": view.claims, "support": view.support, "recommendations": view.recommendations,
        })),
        (Format::Json, Kind::Memory) => Ok(render_rows(&listed(view, kind), RowsFormat::Json, look)),
        (Format::Table, Kind::Compat) => Ok(terminal::compat(view, look)),
        (Format::Table, Kind::WebOptimizations) => Ok(terminal::effects(view, look)),
        (Format::Markdown, Kind::Compat) => template::render("compat.md", view, templates),
        (Format::Markdown, Kind::WebOptimizations) => template::render("web_optimizations.md", view, templates),
        (Format::Html, _) if view.is_one_cell() => template::render("evidence.html", view, templates),
        (Format::Html, _) => template::render("report.html", view, templates),
        (Format::Junit, _) => junit::render(view),
        (Format::Bcd, _) => pretty(&bcd::render(view)),
        (Format::Github, _) => Ok(github::of_run(view)),
        (Format::Json, Kind::Compat) => pretty(&json!({
            "run": view.run, "summary": view.summary, "columns": view.columns, "rows": view.rows, "notes": view.notes,
        })),
        (Format::Json, Kind::WebOptimizations) => pretty(view),
        (Format::Csv, Kind::Compat) => Ok(render_rows(&entries(view), RowsFormat::Csv, look)),
        (Format::Csv, Kind::WebOptimizations) => Ok(render_rows(&effects(view), RowsFormat::Csv, look)),
    }
}

fn pretty(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| printable_json(&text) + "\n").map_err(|cause| Error::internal("a report is no JSON").because(cause))
}

/// Reports that are one list.
fn listed(view: &View, kind: Kind) -> Rows {
    if kind == Kind::Memory { memory(view) } else { claims(view) }
}

fn claims(view: &View) -> Rows {
    let columns = ["optimization", "claimed", "held against", "measured", "interval", "cells", "verdict"];
    let rows = view.claims.iter().map(|claim| {
        let cells = Value::Integer(i64::try_from(claim.cells).unwrap_or(i64::MAX));
        let words = [&claim.title, &claim.claimed, &claim.metric, &claim.measured, &claim.interval];
        words.into_iter().map(|word| text(word)).chain([cells, text(&claim.verdict)]).collect()
    });
    Rows { columns: columns.map(String::from).to_vec(), rows: rows.collect() }
}

/// Every metric in bytes of every cell.
fn memory(view: &View) -> Rows {
    let columns = ["cell", "status", "memory", "baseline", "treatment", "improvement", "interval"];
    let rows = view.cells.iter().flat_map(|cell| {
        let in_bytes = cell.effects.iter().filter(|effect| Metric::named(&effect.metric).unit == Unit::Bytes);
        in_bytes.map(|effect| {
            let shown = &effect.shown;
            let words = [&cell.title, &cell.status, &effect.title, &shown.baseline, &shown.treatment];
            words.into_iter().chain([&shown.improvement, &shown.interval]).map(|word| text(word)).collect()
        })
    });
    Rows { columns: columns.map(String::from).to_vec(), rows: rows.collect() }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn entries(view: &View) -> Rows {
    let columns = ["browser", "platform", "optimization", "support", "ran", "notes"].map(String::from).to_vec();
    let notes = |numbers: &[usize]| {
        let texts = numbers.iter().filter_map(|number| view.notes.get(number - 1)).map(|note| note.text.as_str());
        texts.collect::<Vec<_>>().join("; ")
    };
    let rows = view.rows.iter().flat_map(|row| {
        row.entries.iter().zip(&view.columns).map(move |(entry, column)| {
            let all: Vec<usize> = row.notes.iter().chain(&entry.notes).copied().collect();
            let optimization = text(&column.optimization);
            vec![
                text(&row.browser),
                text(&row.platform),
                optimization,
                text(entry.support.name()),
                text(&row.ran),
                text(&notes(&all)),
            ]
        })
    });
    Rows { columns, rows: rows.collect() }
}

fn effects(view: &View) -> Rows {
    let columns = [
        "browser",
        "platform",
        "model",
        "synthetic_weights",
        "optimization",
        "status",
        "metric",
        "baseline",
        "treatment",
        "improvement_percent",
        "ci_low",
        "ci_high",
        "p",
        "samples",
        "verdict",
    ];
    let rows = view.cells.iter().flat_map(|cell| cell.effects.iter().map(move |effect| effect_row(cell, effect)));
    Rows { columns: columns.map(String::from).to_vec(), rows: rows.collect() }
}

fn effect_row(cell: &CellView, effect: &EffectView) -> Vec<Value> {
    let number = |value: Option<f64>| value.map_or(Value::Null, Value::Real);
    vec![
        text(&cell.browser),
        text(&cell.platform),
        text(&cell.model),
        Value::Integer(cell.synthetic.into()),
        text(&cell.optimization),
        text(&cell.status),
        text(&effect.metric),
        Value::Real(effect.baseline),
        Value::Real(effect.treatment),
        number(effect.improvement_percent),
        number(effect.ci_low),
        number(effect.ci_high),
        number(effect.p),
        Value::Integer(i64::try_from(effect.samples).unwrap_or(i64::MAX)),
        text(&effect.verdict),
    ]
}
