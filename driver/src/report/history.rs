//! Effects from run to run, as a table, Markdown, JSON or CSV.

use super::cell::signed;
use super::rows::{RowsFormat, render_rows};
use super::terminal::Look;
use crate::compare::{History, Point};
use crate::measure::Metric;
use crate::store::{Rows, Value};

/// Renders histories.
#[must_use]
pub fn render_history(histories: &[History], format: RowsFormat, look: Look) -> String {
    match format {
        RowsFormat::Json => {
            crate::printable::printable_json(&serde_json::to_string_pretty(histories).unwrap_or_default()) + "\n"
        }
        RowsFormat::Csv => render_rows(&data(histories), format, look),
        RowsFormat::Table | RowsFormat::Markdown => {
            let head = if format == RowsFormat::Markdown { "## " } else { "" };
            let parts = histories.iter().map(|history| {
                let title = Metric::title_of(&history.metric);
                let values: Vec<f64> = history.points.iter().map(|point| point.improvement_percent).collect();
                let table = render_rows(&shown(history), format, look);
                format!("{head}{}: improvement of {title}  {}\n\n{table}", history.title, spark(&values))
            });
            parts.collect::<Vec<_>>().join("\n")
        }
    }
}

/// The values as bars of eight heights.
fn spark(values: &[f64]) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let height = |value: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
        let step = if high > low { ((value - low) / (high - low) * 7.0).round() as usize } else { 3 };
        bars[step.min(7)]
    };
    values.iter().map(|value| height(*value)).collect()
}

fn shown(history: &History) -> Rows {
    let metric = Metric::named(&history.metric);
    let points = metric.compare == crate::measure::Compare::Points;
    let columns = ["run", "started", "engine", "ran", "baseline", "treatment", "improvement", "95 % interval", ""];
    let row = |point: &Point| {
        let interval = point
            .ci_low
            .zip(point.ci_high)
            .map_or(String::new(), |(low, high)| format!("{} … {}", signed(low, points), signed(high, points)));
        let mut marks = Vec::new();
        if point.step {
            marks.push(format!("step to {}", signed(point.level, points)));
        }
        if !point.environment_change.is_empty() {
            marks.push(format!("other environment: {}", point.environment_change));
        }
        [
            point.run.clone(),
            point.started_at.clone(),
            point.engine.clone(),
            point.product.clone(),
            metric.show(point.baseline),
            metric.show(point.treatment),
            signed(point.improvement_percent, points),
            interval,
            marks.join("; "),
        ]
        .map(Value::Text)
        .to_vec()
    };
    Rows { columns: columns.map(String::from).to_vec(), rows: history.points.iter().map(row).collect() }
}

fn data(histories: &[History]) -> Rows {
    let columns = [
        "cell",
        "title",
        "metric",
        "run",
        "started_at",
        "engine",
        "product",
        "baseline",
        "treatment",
        "improvement_percent",
        "ci_low",
        "ci_high",
        "level",
        "step",
        "environment_change",
    ];
    let text = |text: &str| Value::Text(text.to_owned());
    let number = |value: Option<f64>| value.map_or(Value::Null, Value::Real);
    let rows = histories.iter().flat_map(|history| {
        history.points.iter().map(move |point| {
            vec![
                text(&history.cell),
                text(&history.title),
                text(&history.metric),
                text(&point.run),
                text(&point.started_at),
                text(&point.engine),
                text(&point.product),
                Value::Real(point.baseline),
                Value::Real(point.treatment),
                Value::Real(point.improvement_percent),
                number(point.ci_low),
                number(point.ci_high),
                Value::Real(point.level),
                Value::Integer(point.step.into()),
                text(&point.environment_change),
            ]
        })
    });
    Rows { columns: columns.map(String::from).to_vec(), rows: rows.collect() }
}

#[cfg(test)]
mod tests {
    use super::spark;

    #[test]
    fn bars_reach_from_the_least_to_the_most() {
        assert_eq!(spark(&[0.0, 10.0, 5.0]), "▁█▅");
        assert_eq!(spark(&[4.0, 4.0]), "▄▄");
    }
}
