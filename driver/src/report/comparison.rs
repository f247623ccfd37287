//! Two runs, compared: as a table, Markdown, JSON or CSV.

use super::cell::signed;
use super::rows::{RowsFormat, render_rows};
use super::terminal::Look;
use crate::compare::{Comparison, Line};
use crate::measure::{Change, Compare, Metric};
use crate::store::{Rows, Value};

/// Renders a comparison. Tables leave out what did not change, unless `all` is wanted; JSON and CSV have every line.
#[must_use]
pub fn render_comparison(comparison: &Comparison, format: RowsFormat, look: Look, all: bool) -> String {
    match format {
        RowsFormat::Json => {
            crate::printable::printable_json(&serde_json::to_string_pretty(comparison).unwrap_or_default()) + "\n"
        }
        RowsFormat::Csv => render_rows(&data(comparison), format, look),
        RowsFormat::Table | RowsFormat::Markdown => {
            let is_wanted = |line: &&Line| all || !matches!(line.change, Change::Unchanged | Change::Unjudged);
            let lines: Vec<&Line> = comparison.lines.iter().filter(is_wanted).collect();
            let head = if format == RowsFormat::Markdown { "## " } else { "" };
            let mut text = format!("{head}{}\n", sentence(comparison));
            if !lines.is_empty() {
                text.push('\n');
                text.push_str(&render_rows(&shown(&lines), format, look));
            }
            for note in &comparison.notes {
                text.push_str(&if format == RowsFormat::Markdown {
                    format!("\n- {}", super::template::plain_markdown(note))
                } else {
                    format!("note: {note}\n")
                });
            }
            if format == RowsFormat::Markdown { text + "\n" } else { text }
        }
    }
}

/// `regressed: 2026… (april2025) against 2026… (april2025): 1 regressed, 12 unchanged`.
pub(super) fn sentence(comparison: &Comparison) -> String {
    let order = ["regressed", "inconclusive", "incomparable", "improved", "unchanged", "unjudged"];
    let counted = order.iter().filter_map(|word| Some(format!("{} {word}", comparison.counts.get(word)?)));
    let counted: Vec<String> = counted.collect();
    let counted = if counted.is_empty() { "nothing to compare".into() } else { counted.join(", ") };
    let how = if comparison.paired { ", paired" } else { "" };
    format!("{}: {} against {}{how}: {counted}", comparison.change.name(), comparison.after, comparison.before)
}

/// Lines for eyes.
fn shown(lines: &[&Line]) -> Rows {
    let columns =
        ["change", "cell", "metric", "before", "after", "improvement", "95 % interval", "allowed loss", "n", "why"];
    let text = |text: String| Value::Text(text);
    let rows = lines.iter().map(|line| {
        let metric = Metric::named(&line.metric);
        let points = metric.compare == Compare::Points;
        let value = |value: Option<f64>| text(value.map_or(String::new(), |value| metric.show(value)));
        let interval = line
            .ci_low
            .zip(line.ci_high)
            .map_or(String::new(), |(low, high)| format!("{} … {}", signed(low, points), signed(high, points)));
        let samples = match (line.samples_before, line.samples_after) {
            (0, 0) => String::new(),
            (before, after) if before == after => before.to_string(),
            (before, after) => format!("{before}, {after}"),
        };
        vec![
            text(line.change.name().into()),
            text(line.title.clone()),
            text(if metric.name == line.metric { metric.title.into() } else { line.metric.clone() }),
            value(line.before),
            value(line.after),
            text(line.improvement_percent.map_or(String::new(), |percent| signed(percent, points))),
            text(interval),
            text(line.threshold_percent.map_or(String::new(), |percent| format!("{percent} %"))),
            text(samples),
            text(line.why.clone()),
        ]
    });
    Rows { columns: columns.map(String::from).to_vec(), rows: rows.collect() }
}

/// Lines for programs.
fn data(comparison: &Comparison) -> Rows {
    let columns = [
        "change",
        "cell",
        "title",
        "metric",
        "before",
        "after",
        "improvement_percent",
        "ci_low",
        "ci_high",
        "p",
        "samples_before",
        "samples_after",
        "threshold_percent",
        "why",
    ];
    let text = |text: &str| Value::Text(text.to_owned());
    let number = |value: Option<f64>| value.map_or(Value::Null, Value::Real);
    let count = |n: usize| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    let rows = comparison.lines.iter().map(|line| {
        vec![
            text(line.change.name()),
            text(&line.cell),
            text(&line.title),
            text(&line.metric),
            number(line.before),
            number(line.after),
            number(line.improvement_percent),
            number(line.ci_low),
            number(line.ci_high),
            number(line.p),
            count(line.samples_before),
            count(line.samples_after),
            number(line.threshold_percent),
            text(&line.why),
        ]
    });
    Rows { columns: columns.map(String::from).to_vec(), rows: rows.collect() }
}
