//! The most that each arm held at once, as bars: of everything, on the device, and by category. Categories peak at
//! different moments, so they are more than their sum.

use std::fmt::Write as _;

use super::plot::escape;
use crate::measure::{Effect, Metric};
use crate::printable::printable;

const WIDTH: f64 = 360.0;
/// Where bars start, and how long the longest is.
const LEFT: f64 = 84.0;
const LONGEST: f64 = 150.0;
const TOP: f64 = 22.0;
const ROW: f64 = 24.0;
const BAR: f64 = 7.0;
/// Totals, by the names that people read.
const TOTALS: [(&str, &str); 2] = [("whole_peak", "everything"), ("memory_peak", "device")];

/// The peaks of a cell; nothing, if it has none.
pub(super) fn draw(effects: &[(String, Effect)]) -> String {
    let total = |name: &&str| effects.iter().find(|(metric, _)| metric == *name).map(|(_, effect)| effect);
    let totals = TOTALS.iter().filter_map(|(name, title)| Some(((*title).to_owned(), total(name)?)));
    let categories = effects.iter().filter_map(|(metric, effect)| {
        let (total, category) = metric.split_once('.')?;
        let known = TOTALS.iter().any(|(name, _)| *name == total);
        known.then(|| (printable(category).chars().take(12).collect::<String>(), effect))
    });
    let mut rows: Vec<(String, &Effect)> = categories.collect();
    rows.sort_by(|(_, a), (_, b)| b.baseline.max(b.treatment).total_cmp(&a.baseline.max(a.treatment)));
    let rows: Vec<(String, &Effect)> = totals.chain(rows).collect();
    let highest = rows.iter().map(|(_, effect)| effect.baseline.max(effect.treatment)).fold(0.0, f64::max);
    if !(highest > 0.0 && highest.is_finite()) {
        return String::new();
    }
    let show = |bytes: f64| Metric::named("whole_peak").show(bytes);
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let height = TOP + ROW * rows.len() as f64;
    let mut svg = format!(
        "<svg class=\"p\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"Peaks of both arms\">\
         <text class=\"name\" y=\"12\">Peaks of both arms</text>",
    );
    let mut y = TOP;
    for (title, effect) in rows {
        // Writing to a string cannot fail.
        let _ = write!(svg, "<text y=\"{:.0}\">{}</text>", y + 12.0, escape(&title));
        for (class, bytes, down) in [("c0", effect.baseline, 2.0), ("c1", effect.treatment, 11.0)] {
            let length = LONGEST * (bytes / highest).clamp(0.0, 1.0);
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"{BAR}\"/>",
                y + down
            );
        }
        let said = format!("{} → {}", show(effect.baseline), show(effect.treatment));
        let _ = write!(svg, "<text x=\"{WIDTH}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>", y + 14.0, escape(&said));
        y += ROW;
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(name: &str, baseline: f64, treatment: f64) -> (String, Effect) {
        let effect = Effect::of(&Metric::named(name), &[(baseline, treatment)]).expect("a pair");
        (name.into(), effect)
    }

    #[test]
    fn totals_come_first_and_then_what_is_largest() {
        let effects = [
            effect("memory_peak.kv", 1e6, 1e6),
            effect("memory_peak.<weights>", 30e6, 8e6),
            effect("infer_time", 5.0, 4.0),
            effect("memory_peak", 32e6, 10e6),
            effect("whole_peak", 60e6, 12e6),
        ];
        insta::assert_snapshot!(draw(&effects).replace("><", ">\n<"));
    }

    #[test]
    fn a_cell_without_memory_has_no_bars() {
        assert_eq!(draw(&[]), "");
        assert_eq!(draw(&[effect("infer_time", 5.0, 4.0)]), "");
    }
}
