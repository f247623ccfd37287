//! Charts of formats of weights.

use std::fmt::Write as _;

use matrix_engine::protocol::{Calibration, Scheme};

use super::chart::{ChartView, WIDTH, count, open};
use super::plot::escape;
use super::quantization::{Variant, calibrated};
use crate::measure::Metric;

const LEFT: f64 = 70.0;

/// A line of points: what differs between them is the size of groups.
struct Series<'a> {
    name: String,
    class: &'static str,
    hollow: bool,
    points: Vec<(f64, f64, &'a Variant)>,
}

/// The error of every format over the bits that a weight takes, formats that differ in their groups joined by a line.
pub(super) fn error_by_bits(model: &str, variants: &[&Variant]) -> Option<ChartView> {
    let all = series(variants);
    let points = || all.iter().flat_map(|series| &series.points);
    if points().count() < 2 {
        return None;
    }
    let (top, bottom) = (10.0, 300.0);
    let ends = |value: fn(&(f64, f64, &Variant)) -> f64| {
        points().map(value).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)))
    };
    let (least_bits, most_bits) = ends(|point| point.0.log2());
    let (least, most) = ends(|point| point.1.log10());
    let (least, most) = (least.floor(), most.ceil().max(least.floor() + 1.0));
    let pad = ((most_bits - least_bits) * 0.06).max(0.03);
    let x = |bits: f64| {
        LEFT + (WIDTH - LEFT - 20.0) * (bits.log2() - least_bits + pad) / (most_bits - least_bits + 2.0 * pad)
    };
    let y = |error: f64| top + (bottom - top) * (most - error.log10()) / (most - least);
    let title = format!("{model}: error against bits per weight");
    let said = format!("{} formats; 1 − cosine of the outputs beside f32", points().count());
    let legend = bottom + 58.0;
    let mut svg = open(&format!("{title}: {said}"), legend + 12.0 + 18.0 * count(all.len().div_ceil(2)));
    let mut decade = most;
    while decade >= least {
        let at = y(10_f64.powf(decade));
        let _ = write!(
            svg,
            "<path class=\"g\" d=\"M{LEFT} {at:.0}H{:.0}\"/><text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">10{}</text>",
            WIDTH - 20.0,
            LEFT - 8.0,
            at + 4.0,
            superscript(decade)
        );
        decade -= 1.0;
    }
    for bits in [4.0, 4.125, 4.25, 4.5, 5.0, 6.0, 8.0, 9.0, 12.0, 16.0_f64] {
        let is_here = bits.log2() >= least_bits - pad && bits.log2() <= most_bits + pad;
        let crowded = most_bits - least_bits > 0.6 && [4.125, 4.25, 5.0, 9.0].contains(&bits);
        if is_here && !crowded {
            let at = x(bits);
            let _ = write!(
                svg,
                "<path class=\"g\" d=\"M{at:.0} {top}V{bottom:.0}\"/><text x=\"{at:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{bits}</text>",
                bottom + 16.0
            );
        }
    }
    let _ = write!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">bits per quantized weight, scales and zero points included</text>",
        f64::midpoint(LEFT, WIDTH),
        bottom + 34.0
    );
    for (number, series) in all.iter().enumerate() {
        let line: Vec<String> =
            series.points.iter().map(|(bits, error, _)| format!("{:.1} {:.1}", x(*bits), y(*error))).collect();
        let dash = if series.hollow { " dashed" } else { "" };
        let _ = write!(svg, "<path class=\"q {}{dash}\" d=\"M{}\"/>", series.class, line.join("L"));
        for (bits, error, variant) in &series.points {
            let hollow = if series.hollow { " hollow" } else { "" };
            let (x, y) = (x(*bits), y(*error));
            let _ = write!(
                svg,
                "<circle class=\"{}{hollow}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{}: {error:.2e}</title></circle>",
                series.class,
                escape(&variant.format)
            );
        }
        let (column, row) = (number % 2, number / 2);
        let (at, line) = (LEFT + 340.0 * count(column), legend + 18.0 * count(row));
        let hollow = if series.hollow { " hollow" } else { "" };
        let _ = write!(
            svg,
            "<circle class=\"{}{hollow}\" cx=\"{at:.0}\" cy=\"{:.0}\" r=\"4\"/><text x=\"{:.0}\" y=\"{line:.0}\">{}</text>",
            series.class,
            line - 4.0,
            at + 10.0,
            escape(&series.name)
        );
    }
    svg.push_str("</svg>");
    let text =
        format!("{said}; lower and further left is better. Points of a line differ in the size of their groups.");
    Some(ChartView { name: format!("error:{model}"), title, text, svg })
}

/// Formats that differ in their groups only, the fewest bits first.
fn series<'a>(variants: &[&'a Variant]) -> Vec<Series<'a>> {
    let mut all: Vec<Series<'a>> = Vec::new();
    for variant in variants {
        let Some((bits, error)) = variant.bits().zip(variant.error()) else { continue };
        let (name, class, hollow) = match variant.integer() {
            None => ("f16".to_owned(), "c4", false),
            Some(integer) => {
                let asymmetric = integer.scheme == Scheme::Asymmetric;
                let scheme = if asymmetric { "asymmetric" } else { "symmetric" };
                let class = match (integer.bits, integer.calibration) {
                    (8, _) => "c3",
                    (_, Calibration::None) => "c0",
                    (_, Calibration::Mse) => "c1",
                    (_, Calibration::Hqq) => "c2",
                    (_, Calibration::Activations) => "c5",
                };
                (format!("int{} {scheme}, {}", integer.bits, calibrated(integer.calibration)), class, asymmetric)
            }
        };
        let at = all.iter().position(|series| series.name == name).unwrap_or_else(|| {
            all.push(Series { name, class, hollow, points: Vec::new() });
            all.len() - 1
        });
        all[at].points.push((bits, error, variant));
    }
    all.iter_mut().for_each(|series| series.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    all
}

/// What each format does to the times of a model, with intervals: load on the left, computing on the right.
pub(super) fn effects(model: &str, variants: &[&Variant]) -> Option<ChartView> {
    let timed = variants.iter().map(|variant| variant.timed()).find(|metric| *metric == "token_time");
    let metrics = ["load_time", timed.unwrap_or("infer_time")];
    let rows: Vec<&&Variant> = variants
        .iter()
        .filter(|variant| metrics.iter().any(|metric| variant.subject.effect(metric).is_some()))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let (names, top, step) = (236.0, 26.0, 18.0);
    let bottom = top + step * count(rows.len());
    let title = format!("{model}: effect on times");
    let said = format!("{} formats beside f32", rows.len());
    let mut svg = open(&format!("{title}: {said}"), bottom + 26.0);
    let width = (WIDTH - names - 50.0) / 2.0;
    for (column, metric) in metrics.iter().enumerate() {
        let left = names + (width + 40.0) * count(column);
        let x = |percent: f64| left + width * (percent.clamp(-100.0, 100.0) + 100.0) / 200.0;
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{:.0}\" y=\"14\" text-anchor=\"middle\">{}</text>",
            x(0.0),
            escape(&Metric::title_of(metric))
        );
        for mark in [-100.0, -50.0, 0.0, 50.0, 100.0] {
            let (at, class) = (x(mark), if mark == 0.0 { "z" } else { "g" });
            let label = format!("{mark:+.0} %").replace('-', "−").replace("+0", "0");
            let _ = write!(
                svg,
                "<path class=\"{class}\" d=\"M{at:.0} {top}V{bottom:.0}\"/><text x=\"{at:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
                bottom + 16.0
            );
        }
        for (row, variant) in rows.iter().enumerate() {
            let Some((effect, percent)) =
                variant.subject.effect(metric).and_then(|it| Some((it, it.improvement_percent?)))
            else {
                continue;
            };
            let y = top + step * (count(row) + 0.5);
            let (low, high) = effect.interval.map_or((percent, percent), |interval| (interval.low, interval.high));
            let verdict = effect.verdict.name();
            let _ = write!(
                svg,
                "<path class=\"ci {verdict}\" d=\"M{:.1} {y:.1}H{:.1}\"/><path class=\"dot {verdict}\" d=\"M{:.1} {y:.1}z\"/>",
                x(low),
                x(high),
                x(percent)
            );
        }
    }
    for (row, variant) in rows.iter().enumerate() {
        let y = top + step * (count(row) + 0.5) + 4.0;
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>",
            names - 12.0,
            escape(&variant.format)
        );
    }
    svg.push_str("</svg>");
    let text = format!(
        "{said}. A dot is the median, its line the 95 % interval; right of zero is faster. Green and red are differences that matter and are no chance."
    );
    Some(ChartView { name: format!("effects:{model}"), title, text, svg })
}

fn superscript(exponent: f64) -> String {
    let digits = format!("{exponent:.0}");
    digits
        .chars()
        .map(|c| {
            if c == '-' {
                '⁻'
            } else {
                c.to_digit(10).map_or(c, |d| ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][d as usize])
            }
        })
        .collect()
}
