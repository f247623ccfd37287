//! How the memory of a cell's arms went: bytes by category, stacked over time, and of which weights they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use matrix_engine::protocol::Timeline;

use super::plot::escape;
use super::view::Measured;
use super::{peaks, treemap};
use crate::error::Result;
use crate::measure::Metric;
use crate::printable::printable;
use crate::run::event::Arm;
use crate::store::Store;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 140.0;
const TOP: f64 = 22.0;
/// Colours of the style sheet.
const COLOURS: usize = 8;

/// The drawings of both arms of every cell whose memory was kept, by cell.
pub(super) fn timelines(store: &Store, cells: &[Measured]) -> Result<BTreeMap<String, String>> {
    let mut drawings = BTreeMap::new();
    for cell in cells {
        let mut arms = Vec::new();
        let artifacts = store.artifacts(cell.row.id)?;
        for arm in [Arm::Baseline, Arm::Treatment] {
            let kind = format!("memory-{}", arm.name());
            for artifact in artifacts.iter().filter(|artifact| artifact.kind == kind) {
                let blob = store.blob(&artifact.hash)?;
                // A page said it, and may say anything.
                let timeline = blob.and_then(|blob| serde_json::from_slice::<Timeline>(&blob).ok()).filter(is_sound);
                arms.extend(timeline.map(|timeline| (arm, timeline)));
            }
        }
        let highest = arms.iter().map(|(_, timeline)| peak(timeline)).max().unwrap_or(0);
        if highest > 0 {
            let drawn = arms.iter().map(|(arm, timeline)| draw(*arm, timeline, highest));
            let weights = arms.iter().map(|(arm, timeline)| treemap::draw(*arm, &timeline.weights));
            let peaks = peaks::draw(&cell.effects);
            drawings.insert(cell.row.cell.id.clone(), drawn.chain([peaks]).chain(weights).collect());
        }
    }
    Ok(drawings)
}

fn is_sound(timeline: &Timeline) -> bool {
    let fits =
        |bytes: &Vec<u64>| bytes.len() == timeline.categories.len() && bytes.iter().all(|&bytes| bytes < 1 << 50);
    let ordered = timeline.moments.is_sorted_by(|a, b| a.ms <= b.ms);
    ordered && timeline.moments.len() > 1 && timeline.moments.iter().all(|m| m.ms.is_finite() && fits(&m.bytes))
}

fn peak(timeline: &Timeline) -> u64 {
    timeline.moments.iter().map(|moment| moment.bytes.iter().sum()).max().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "bytes below 2^50, pixels in the end")]
fn draw(arm: Arm, timeline: &Timeline, highest: u64) -> String {
    let Timeline { categories, moments, .. } = timeline;
    let (first, last) = (moments.first().map_or(0.0, |m| m.ms), moments.last().map_or(0.0, |m| m.ms));
    let x = |ms: f64| WIDTH * (ms - first) / (last - first).max(1e-9);
    let y = |bytes: u64| TOP + (HEIGHT - TOP) * (1.0 - bytes as f64 / highest as f64);
    let show = |bytes: u64| Metric::named("whole_peak").show(bytes as f64);
    let title = format!("Memory of the {}", arm.name());
    let said = format!("peak {}, {:.1} s", show(peak(timeline)), (last - first) / 1e3);
    let mut svg = format!(
        "<svg class=\"p\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{}\"><text class=\"name\" y=\"12\">{}</text>\
         <text x=\"{WIDTH}\" y=\"12\" text-anchor=\"end\">{}</text>",
        HEIGHT + 18.0,
        escape(&format!("{title}: {said}")),
        escape(&title),
        escape(&said),
    );
    for (index, category) in categories.iter().enumerate() {
        let edge = |upto: usize| moments.iter().map(move |m| (m.ms, m.bytes[..upto].iter().sum::<u64>()));
        let mut path = String::new();
        // Bytes stay what they are until the next moment.
        let mut before = None;
        for (ms, bytes) in edge(index + 1) {
            // Writing to a string cannot fail.
            let _ = match before {
                None => write!(path, "M{:.1} {:.1}", x(ms), y(bytes)),
                Some(_) => write!(path, "H{:.1}V{:.1}", x(ms), y(bytes)),
            };
            before = Some(bytes);
        }
        let mut lower: Vec<(f64, u64)> = edge(index).collect();
        lower.reverse();
        for (place, (ms, bytes)) in lower.iter().enumerate() {
            let _ = match place {
                0 => write!(path, "L{:.1} {:.1}", x(*ms), y(*bytes)),
                _ => write!(path, "V{:.1}H{:.1}", y(*bytes), x(*ms)),
            };
        }
        let (colour, step) = (index % COLOURS, WIDTH / categories.len() as f64);
        let name = printable(category);
        let _ = write!(
            svg,
            "<path class=\"a s{colour}\" d=\"{path}z\"/><rect class=\"s{colour}\" x=\"{:.0}\" y=\"{:.0}\" width=\"8\" height=\"8\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
            step * index as f64,
            HEIGHT + 8.0,
            step * index as f64 + 11.0,
            HEIGHT + 16.0,
            escape(&name.chars().take(12).collect::<String>()),
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use matrix_engine::protocol::Moment;

    use super::*;

    fn timeline(moments: &[(f64, [u64; 2])]) -> Timeline {
        Timeline {
            categories: vec!["weights".into(), "<b>".into()],
            moments: moments.iter().map(|(ms, bytes)| Moment { ms: *ms, bytes: bytes.to_vec() }).collect(),
            weights: Vec::new(),
        }
    }

    #[test]
    fn categories_lie_on_each_other() {
        let timeline = timeline(&[(0.0, [0, 10]), (5.0, [10, 10]), (10.0, [10, 0])]);
        assert!(is_sound(&timeline));
        insta::assert_snapshot!(draw(Arm::Baseline, &timeline, peak(&timeline)).replace("><", ">\n<"));
    }

    #[test]
    fn what_no_engine_says_is_not_drawn() {
        assert!(!is_sound(&timeline(&[(0.0, [0, 0])])), "no time passes");
        assert!(!is_sound(&timeline(&[(5.0, [0, 0]), (1.0, [0, 0])])), "time runs back");
        assert!(!is_sound(&timeline(&[(0.0, [0, 0]), (f64::NAN, [0, 0])])));
        assert!(!is_sound(&timeline(&[(0.0, [0, 0]), (1.0, [u64::MAX, 1])])));
        let mut short = timeline(&[(0.0, [0, 0]), (1.0, [0, 0])]);
        short.moments[1].bytes.pop();
        assert!(!is_sound(&short));
    }
}
