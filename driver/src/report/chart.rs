//! Charts of a whole run as SVG: effects with their intervals, accuracy against size, effects over runs.

use std::fmt::Write as _;

use serde::Serialize;

use super::cell::{CellView, EffectView, signed};
use super::plot::escape;
use super::trend::Trend;
use crate::measure::{Metric, median};

/// A chart of the page; its drawing is given by its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChartView {
    /// What it is called among the charts.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub text: String,
    /// The drawing; templates get it from `chart(name)`.
    #[serde(skip)]
    pub(super) svg: String,
}

pub(super) const WIDTH: f64 = 760.0;
/// Up to this many cells have a line and a name each.
const NAMED: usize = 40;

/// Every chart of a run.
pub(super) fn charts(cells: &[CellView], trends: &[Trend]) -> Vec<ChartView> {
    let metrics =
        ["infer_time", "prefill_time", "token_time", "first_infer_time", "load_time", "memory_peak", "process_memory"];
    // Many cells make long drawings; then what is asked first is enough.
    let wanted = |metric: &&&str| {
        cells.len() <= NAMED || ["infer_time", "token_time", "load_time", "memory_peak"].contains(*metric)
    };
    let mut charts: Vec<ChartView> =
        metrics.iter().filter(wanted).filter_map(|metric| effects(cells, metric)).collect();
    charts.extend(accuracy(cells));
    charts.extend(trends.iter().filter_map(over_runs));
    charts
}

/// One cell's effect on a metric.
struct Bar<'a> {
    cell: &'a CellView,
    effect: &'a EffectView,
    value: f64,
    low: f64,
    high: f64,
}

/// The effect of every cell on a metric with its interval, the best first.
fn effects(cells: &[CellView], metric: &str) -> Option<ChartView> {
    let mut bars: Vec<Bar<'_>> = cells
        .iter()
        .filter(|cell| matches!(cell.status.as_str(), "pass" | "flaky"))
        .filter_map(|cell| {
            let effect = cell.effects.iter().find(|effect| effect.metric == metric)?;
            let value = effect.improvement_percent?;
            Some(Bar {
                cell,
                effect,
                value,
                low: effect.ci_low.unwrap_or(value),
                high: effect.ci_high.unwrap_or(value),
            })
        })
        .collect();
    if bars.len() < 2 {
        return None;
    }
    bars.sort_by(|a, b| b.value.total_cmp(&a.value));
    let named = bars.len() <= NAMED;
    let (left, right, top) = (if named { 330.0 } else { 26.0 }, 26.0, 8.0);
    let step = if named { 20.0 } else { (480.0 / count(bars.len())).max(0.5) };
    let bottom = top + step * count(bars.len());
    let least = bars.iter().map(|bar| bar.low).fold(0.0, f64::min).max(-100.0);
    let most = bars.iter().map(|bar| bar.high).fold(0.0, f64::max).min(100.0);
    let axis = Axis::new(least, most, left, WIDTH - right);
    let mut values: Vec<f64> = bars.iter().map(|bar| bar.value).collect();
    let middle = median(&mut values)?;
    let verdicts = |word: &str| bars.iter().filter(|bar| bar.effect.verdict == word).count();
    let said = format!(
        "{} cells, median {}, from {} to {}; {} better, {} worse",
        bars.len(),
        signed(middle, false),
        signed(bars.last()?.value, false),
        signed(bars.first()?.value, false),
        verdicts("better"),
        verdicts("worse")
    );
    let title = format!("Improvement of {}", Metric::title_of(metric));
    let mut svg = open(&format!("{title}: {said}"), bottom + 24.0);
    axis.draw(&mut svg, top, bottom, |value| format!("{value:.0} %").replace('-', "−"));
    let mut paths: Vec<(&str, String, String)> = Vec::new();
    for (row, bar) in bars.iter().enumerate() {
        let y = top + step * (count(row) + 0.5);
        let at = paths.iter().position(|(verdict, ..)| *verdict == bar.effect.verdict).unwrap_or_else(|| {
            paths.push((&bar.effect.verdict, String::new(), String::new()));
            paths.len() - 1
        });
        let (low, high, x) = (axis.x(bar.low), axis.x(bar.high), axis.x(bar.value));
        // Writing to a string cannot fail.
        let _ = write!(paths[at].1, "M{low:.0} {y:.1}H{high:.0}");
        let _ = write!(paths[at].2, "M{x:.1} {y:.1}z");
        if named {
            let name = shortened(&bar.cell.title.replace(" (synthetic)", "†"));
            let _ = write!(
                svg,
                "<a href=\"#cell-{}\"><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text></a>",
                bar.cell.key,
                left - 8.0,
                y + 4.0,
                escape(&name)
            );
        }
    }
    let size = if named { "" } else { " many" };
    for (verdict, lines, dots) in paths {
        let _ = write!(
            svg,
            "<path class=\"ci {verdict}{size}\" d=\"{lines}\"/><path class=\"dot {verdict}{size}\" d=\"{dots}\"/>"
        );
    }
    svg.push_str("</svg>");
    let text = format!("{said}. A dot is the median of a cell, its line the 95 % interval; right of zero is better.");
    Some(ChartView { name: format!("effects:{metric}"), title, text, svg })
}

/// Characters of a name beside a chart.
const NAME: usize = 52;

/// A name as far as there is room for it.
fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME - 1).chain(['…']).collect()
}

/// Loss of accuracy against the size of the weights, for each cell.
fn accuracy(cells: &[CellView]) -> Option<ChartView> {
    let value = |cell: &CellView, metric: &str| {
        let effect = cell.effects.iter().find(|effect| effect.metric == metric)?;
        Some((effect.baseline, effect.treatment))
    };
    let points: Vec<(&CellView, f64, f64)> = cells
        .iter()
        .filter(|cell| matches!(cell.status.as_str(), "pass" | "flaky"))
        .filter_map(|cell| {
            let (whole, part) = value(cell, "weight_bytes")?;
            let (_, cosine) = value(cell, "accuracy.cosine")?;
            // Below a millionth f32 itself is not sure.
            (whole > 0.0).then(|| (cell, 100.0 * part / whole, (1.0 - cosine).max(1e-6).log10()))
        })
        .collect();
    if points.len() < 2 {
        return None;
    }
    let (left, top, bottom) = (70.0, 10.0, 250.0);
    let most = points.iter().map(|(_, size, _)| *size).fold(100.0, f64::max);
    let across = Axis::new(0.0, most, left, WIDTH - 16.0);
    let y = |loss: f64| top + (bottom - top) * (0.0 - loss.clamp(-6.0, 0.0)) / 6.0;
    let title = "Accuracy against size";
    let said = format!(
        "{} cells: the share of their bytes that weights keep, and the distance of outputs from f32",
        points.len()
    );
    let mut svg = open(&format!("{title}: {said}"), bottom + 40.0);
    across.draw(&mut svg, top, bottom, |value| format!("{value:.0} %"));
    for (exponent, label) in [(0, "1"), (-2, "0.01"), (-4, "0.0001"), (-6, "≤ 10⁻⁶")] {
        let at = y(f64::from(exponent));
        let end = WIDTH - 16.0;
        let _ = write!(
            svg,
            "<path class=\"g\" d=\"M{left} {at:.0}H{end}\"/><text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
            left - 8.0,
            at + 4.0
        );
    }
    for (style, is_synthetic) in [("dot none", true), ("dot better", false)] {
        let of = points.iter().filter(|(cell, ..)| cell.synthetic == is_synthetic);
        let dots: String = of.map(|(_, size, loss)| format!("M{:.0} {:.0}z", across.x(*size), y(*loss))).collect();
        let _ = write!(svg, "<path class=\"{style}\" d=\"{dots}\"/>");
    }
    let _ = write!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">weights, of their size in the baseline</text></svg>",
        f64::midpoint(left, WIDTH),
        bottom + 36.0
    );
    let text = format!(
        "{said} (1 − cosine, on a logarithmic scale; lower and further left is better). Green: real weights; grey: synthetic ones."
    );
    Some(ChartView { name: "accuracy".into(), title: title.into(), text, svg })
}

/// An effect from run to run.
fn over_runs(trend: &Trend) -> Option<ChartView> {
    if trend.points.len() < 2 {
        return None;
    }
    let (left, top, bottom) = (70.0, 10.0, 170.0);
    let values = || trend.points.iter().map(|point| point.value);
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let pad = ((most - least) * 0.15).max(1.0);
    let (least, most) = (least - pad, most + pad);
    let y = |value: f64| top + (bottom - top) * (most - value) / (most - least);
    let x = |at: usize| left + (WIDTH - left - 24.0) * count(at) / count(trend.points.len() - 1);
    let title = format!("{}: {} over runs", trend.title, Metric::title_of(&trend.metric));
    let last = trend.points.last()?;
    let said = format!("{} runs, the last at {}", trend.points.len(), signed(last.value, false));
    let mut svg = open(&format!("{title}: {said}"), bottom + 26.0);
    for value in [least + pad, most - pad] {
        let _ = write!(
            svg,
            "<path class=\"g\" d=\"M{left} {:.0}H{WIDTH}\"/><text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>",
            y(value),
            left - 8.0,
            y(value) + 4.0,
            escape(&signed(value, false))
        );
    }
    let line: Vec<String> =
        trend.points.iter().enumerate().map(|(at, point)| format!("{:.0} {:.0}", x(at), y(point.value))).collect();
    let level: Vec<String> =
        trend.points.iter().enumerate().map(|(at, point)| format!("{:.0} {:.0}", x(at), y(point.level))).collect();
    let dots: String = line.iter().map(|point| format!("M{point}z")).collect();
    let _ = write!(
        svg,
        "<path class=\"m t\" d=\"M{}\"/><path class=\"l b\" d=\"M{}\"/><path class=\"dot better\" d=\"{dots}\"/>",
        level.join("L"),
        line.join("L")
    );
    let ends = [(left, "start", trend.points.first()?), (WIDTH - 24.0, "end", last)];
    for (at, anchor, point) in ends {
        let _ = write!(
            svg,
            "<text x=\"{at}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{}</text>",
            bottom + 18.0,
            escape(&point.started_at.chars().take(10).collect::<String>())
        );
    }
    svg.push_str("</svg>");
    let steps: Vec<&str> = trend.points.iter().filter(|point| point.step).map(|point| point.run.as_str()).collect();
    let changed = if steps.is_empty() {
        "No change of level was found".into()
    } else {
        format!("The level changed at {}", steps.join(", "))
    };
    let text = format!("{said}; each dot is the median improvement of the cells that passed. {changed}.");
    Some(ChartView { name: format!("trend:{}:{}", trend.optimization, trend.metric), title, text, svg })
}

/// A horizontal axis with round marks.
struct Axis {
    low: f64,
    high: f64,
    left: f64,
    right: f64,
    step: f64,
}

impl Axis {
    fn new(least: f64, most: f64, left: f64, right: f64) -> Self {
        let span = (most - least).max(1.0);
        let step = [1.0, 2.0, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0]
            .into_iter()
            .find(|step| span / step <= 6.0)
            .unwrap_or(span / 4.0);
        Self {
            low: (least / step).floor() * step,
            high: (most / step).ceil().max((least / step).floor() + 1.0) * step,
            left,
            right,
            step,
        }
    }

    fn x(&self, value: f64) -> f64 {
        self.left + (self.right - self.left) * (value.clamp(self.low, self.high) - self.low) / (self.high - self.low)
    }

    fn draw(&self, svg: &mut String, top: f64, bottom: f64, label: impl Fn(f64) -> String) {
        let mut value = self.low;
        while value <= self.high + 1e-9 {
            let (x, style) = (self.x(value), if value == 0.0 { "z" } else { "g" });
            let _ = write!(
                svg,
                "<path class=\"{style}\" d=\"M{x:.0} {top}V{bottom:.0}\"/><text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                escape(&label(value))
            );
            value += self.step;
        }
    }
}

pub(super) fn open(label: &str, height: f64) -> String {
    format!("<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">", escape(label))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of cells and runs are small")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}
