//! Plots as SVG, drawn from samples. Colours come from the page's style sheet, by class.

use std::fmt::Write as _;

use super::cell::{EffectView, SeriesView};
use crate::measure::{Metric, median};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 204.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 30.0;

/// The samples of a metric, block by block, with a line at the median of each arm; empty below two blocks and for
/// metrics whose samples are all the same truth.
#[must_use]
pub(super) fn samples(series: &SeriesView) -> String {
    let all = || series.baseline.iter().chain(&series.treatment);
    let (first, last) = all().fold((u32::MAX, 0), |(first, last), (block, _)| (first.min(*block), last.max(*block)));
    let metric = Metric::named(&series.metric);
    let (Some(low), Some(high)) =
        (all().map(|(_, value)| *value).min_by(f64::total_cmp), all().map(|(_, value)| *value).max_by(f64::total_cmp))
    else {
        return String::new();
    };
    if first == last || metric.exact {
        return String::new();
    }
    let pad = if high > low { (high - low) * 0.08 } else { high.abs().max(1.0) * 0.08 };
    let (low, high) = (low - pad, high + pad);
    let x = |block: f64| LEFT + (WIDTH - LEFT - RIGHT) * (block - f64::from(first) + 0.5) / f64::from(last - first + 1);
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low);
    let name = escape(&series.title);
    let title = escape(&format!("{}: every sample of both arms, by block", series.title));
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>\
         <text class=\"name\" x=\"{LEFT}\" y=\"14\">{name}</text>"
    );
    for step in 0..=3 {
        let value = low + (high - low) * f64::from(step) / 3.0;
        let (at, label) = (y(value), escape(&metric.show(value)));
        let end = WIDTH - RIGHT;
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (arm, points) in [("baseline", &series.baseline), ("treatment", &series.treatment)] {
        let mut values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        if let Some(middle) = median(&mut values) {
            let (at, end) = (y(middle), WIDTH - RIGHT);
            let _ =
                write!(svg, "<line class=\"median {arm}\" x1=\"{LEFT}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        }
        let shift = if arm == "baseline" { -0.12 } else { 0.12 };
        for (block, value) in points {
            let label = escape(&metric.show(*value));
            let (cx, cy) = (x(f64::from(*block) + shift), y(*value));
            let _ = write!(
                svg,
                "<circle class=\"{arm}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.4\"><title>{arm}, block {block}: {label}</title></circle>"
            );
        }
    }
    let (middle, bottom) = (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 8.0);
    let _ = write!(
        svg,
        "<text x=\"{middle:.1}\" y=\"{bottom}\" text-anchor=\"middle\">block {first} to {last}, baseline and treatment next to each other</text></svg>"
    );
    svg
}

/// An improvement with its interval on a line from −100 % to +100 %; empty when there is none.
#[must_use]
pub(super) fn interval(effect: &EffectView) -> String {
    let Some(improvement) = effect.improvement_percent else { return String::new() };
    let (width, height) = (150.0, 18.0);
    let x = |percent: f64| width * (percent.clamp(-100.0, 100.0) + 100.0) / 200.0;
    let (low, high) = (effect.ci_low.unwrap_or(improvement), effect.ci_high.unwrap_or(improvement));
    let (from, to) = (x(low), x(high));
    // An interval narrower than two pixels would be invisible.
    let (left, length) = (from.min(width - 2.0), (to - from).max(2.0));
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\
         <line class=\"grid\" x1=\"0\" x2=\"{width}\" y1=\"9\" y2=\"9\"/>\
         <line class=\"zero\" x1=\"75\" x2=\"75\" y1=\"1\" y2=\"17\"/>\
         <rect class=\"{}\" x=\"{left:.1}\" y=\"5\" width=\"{length:.1}\" height=\"8\" rx=\"2\"/>\
         <circle class=\"{}\" cx=\"{:.1}\" cy=\"9\" r=\"3.5\"/></svg>",
        escape(&effect.shown.improvement),
        escape(&effect.verdict),
        escape(&effect.verdict),
        x(improvement)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(title: &str, baseline: &[f64]) -> SeriesView {
        SeriesView {
            metric: "infer_time".into(),
            title: title.into(),
            unit: "ms".into(),
            baseline: (0..).zip(baseline.iter().copied()).collect(),
            treatment: Vec::new(),
            invalid: 0,
        }
    }

    #[test]
    fn every_sample_is_a_dot_and_text_is_escaped() {
        let svg = samples(&series("<b>", &[1.0, 2.0, 3.0]));
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"), "{svg}");
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn equal_values_are_drawn_and_single_ones_are_not() {
        assert!(!samples(&series("", &[5.0, 5.0])).contains("NaN"));
        assert_eq!(samples(&series("", &[5.0])), "");
        assert_eq!(samples(&series("", &[])), "");
    }
}
