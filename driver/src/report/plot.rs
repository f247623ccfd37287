//! Small plots of one cell as SVG, drawn from samples. Colours come from the page's style sheet, by class.
//!
//! A thousand cells have to fit into one page, so a plot is two paths: a dot is a line without length and a round end.

use std::fmt::Write as _;

use super::cell::{EffectView, SeriesView};
use crate::measure::{Metric, Unit, median};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 84.0;
const TOP: f64 = 22.0;
const EDGE: f64 = 6.0;

/// The samples of a metric, block by block, with a line at the median of each arm; memory is joined by lines, as it goes
/// on between the samples. Empty below two blocks and for metrics whose samples are all the same truth.
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
    if first >= last || metric.exact {
        return String::new();
    }
    let spread = if high > low { high - low } else { high.abs().max(1.0) };
    let x = |block: u32, shift: f64| {
        EDGE + (WIDTH - 2.0 * EDGE) * (f64::from(block - first) + 0.5 + shift) / f64::from(last - first + 1)
    };
    let y = |value: f64| TOP + EDGE + (HEIGHT - TOP - 2.0 * EDGE) * (high - value) / spread;
    let (least, most) = (metric.show(low), metric.show(high));
    let mut svg = format!(
        "<svg class=\"p\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\"><text class=\"name\" y=\"12\">{}</text>\
         <text x=\"{WIDTH}\" y=\"12\" text-anchor=\"end\">{}</text>",
        escape(&format!("{}: {} samples", series.title, series.baseline.len() + series.treatment.len())),
        escape(&series.title),
        escape(&format!("{least} … {most}")),
    );
    for (arm, points, shift) in [("b", &series.baseline, -0.12), ("t", &series.treatment, 0.12)] {
        let Some(middle) = median(&mut points.iter().map(|(_, value)| *value).collect::<Vec<_>>()) else { continue };
        // Writing to a string cannot fail.
        let _ = write!(svg, "<path class=\"m {arm}\" d=\"M0 {:.0}h{WIDTH}\"/>", y(middle));
        if metric.unit == Unit::Bytes {
            let line = points.iter().map(|(block, value)| format!("{:.0} {:.0}", x(*block, shift), y(*value)));
            let _ = write!(svg, "<path class=\"l {arm}\" d=\"M{}\"/>", line.collect::<Vec<_>>().join("L"));
        }
        let dots: String =
            points.iter().map(|(block, value)| format!("M{:.0} {:.0}z", x(*block, shift), y(*value))).collect();
        let _ = write!(svg, "<path class=\"{arm}\" d=\"{dots}\"/>");
    }
    svg.push_str("</svg>");
    svg
}

/// An improvement with its interval on a line from −100 % to +100 %; empty when there is none.
#[must_use]
pub(super) fn interval(effect: &EffectView) -> String {
    let Some(improvement) = effect.improvement_percent else { return String::new() };
    let x = |percent: f64| 60.0 * (percent.clamp(-100.0, 100.0) + 100.0) / 200.0;
    let (low, high) = (effect.ci_low.unwrap_or(improvement), effect.ci_high.unwrap_or(improvement));
    format!(
        "<svg class=\"i {}\" viewBox=\"0 0 60 8\" aria-hidden=\"true\"><path class=\"g\" d=\"M0 4h60\"/><path d=\"M30 0v8M{:.0} 4H{:.0}\"/><path class=\"d\" d=\"M{:.0} 4h0\"/></svg>",
        escape(&effect.verdict),
        x(low),
        x(high),
        x(improvement)
    )
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metric: &str, values: &[f64]) -> SeriesView {
        let points: Vec<(u32, f64)> = (0..).zip(values.iter().copied()).collect();
        SeriesView {
            metric: metric.into(),
            title: "<b>\"Inference\"".into(),
            unit: "ms".into(),
            baseline: points.clone(),
            treatment: points,
            invalid: 0,
        }
    }

    #[test]
    fn every_sample_is_a_dot_and_text_is_escaped() {
        let svg = samples(&series("infer_time", &[1.0, 2.0, 3.0]));
        assert_eq!(svg.matches("z").count(), 6, "{svg}");
        assert!(!svg.contains("<b>") && svg.contains("&lt;b&gt;&quot;Inference&quot;"));
        assert!(!svg.contains("NaN") && !svg.contains("inf\""));
    }

    #[test]
    fn what_shows_nothing_is_left_out() {
        assert_eq!(samples(&series("infer_time", &[1.0])), "");
        assert_eq!(samples(&series("infer_time", &[])), "");
        assert_eq!(samples(&series("memory_peak", &[1.0, 1.0])), "");
        assert!(samples(&series("infer_time", &[2.0, 2.0])).contains("z\""));
        assert!(samples(&series("process_memory", &[2.0, 3.0])).contains("class=\"l b\""), "memory is joined by lines");
    }
}
