//! Curves over lengths of prompts: quality and bytes of ways to keep keys and values.

use std::fmt::Write as _;

use super::chart::{WIDTH, count, open};
use super::plot::escape;

const LEFT: f64 = 70.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 230.0;

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// 0 to 1.
    Share,
    /// Powers of ten.
    Decades,
    /// Of the baseline's.
    Kept,
}

/// A line of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    /// Tokens of a prompt, and the value there.
    pub(super) points: Vec<(f64, f64)>,
}

/// Adds a point to the line of this name.
pub(super) fn add(lines: &mut Vec<Line>, name: String, point: (f64, f64)) {
    match lines.iter_mut().find(|line| line.name == name) {
        Some(line) => line.points.push(point),
        None => lines.push(Line { name, points: vec![point] }),
    }
}

/// Draws lines of values over tokens of a prompt; none below two points.
pub(super) fn draw(title: &str, lines: &[Line], scale: Scale) -> Option<String> {
    // Below 1e-8 f32 itself is not sure.
    let height = |value: f64| if scale == Scale::Decades { value.max(1e-8).log10() } else { value };
    let points: Vec<(f64, f64)> =
        lines.iter().flat_map(|line| line.points.iter().map(|(tokens, value)| (*tokens, height(*value)))).collect();
    if points.len() < 2 {
        return None;
    }
    let ends = |value: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(value);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)))
    };
    let (short, long) = ends(|point| point.0.log2());
    let (low, high) = ends(|point| point.1);
    let (least, most, marks) = if scale == Scale::Decades {
        let (least, most) = (low.floor(), high.ceil().max(low.floor() + 1.0));
        let next = |mark: &f64| (mark + 1.0 <= most).then_some(mark + 1.0);
        (least, most, std::iter::successors(Some(least), next).collect())
    } else {
        (0.0, high.max(1.0), vec![0.0, 0.25, 0.5, 0.75, 1.0])
    };
    let x = |tokens: f64| LEFT + 16.0 + (WIDTH - LEFT - 52.0) * (tokens.log2() - short) / (long - short).max(1.0);
    let y = |value: f64| TOP + (BOTTOM - TOP) * (most - value) / (most - least);
    let legend = BOTTOM + 58.0;
    let label = format!("{title}: {} ways over lengths of prompts", lines.len());
    let mut svg = open(&label, legend + 18.0 * count(lines.len().div_ceil(2)));
    for mark in marks {
        let label = if scale == Scale::Decades { format!("1e{mark:.0}") } else { format!("{:.0} %", 100.0 * mark) };
        let (at, end, left) = (y(mark), WIDTH - 20.0, LEFT - 8.0);
        // Writing to a string cannot fail.
        let _ = write!(svg, "<path class=\"g\" d=\"M{LEFT} {at:.0}H{end:.0}\"/>");
        let _ = write!(svg, "<text x=\"{left:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>", at + 4.0);
    }
    let mut lengths: Vec<f64> = points.iter().map(|point| point.0).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.dedup();
    let centred = "text-anchor=\"middle\"";
    for tokens in lengths {
        let _ = write!(svg, "<text x=\"{:.0}\" y=\"{:.0}\" {centred}>{tokens:.0}</text>", x(tokens), BOTTOM + 16.0);
    }
    let middle = f64::midpoint(LEFT, WIDTH);
    let _ = write!(svg, "<text x=\"{middle:.0}\" y=\"{:.0}\" {centred}>tokens of the prompt</text>", BOTTOM + 34.0);
    for (number, Line { name, points }) in lines.iter().enumerate() {
        let class = format!("c{}", number % 6);
        let path: Vec<String> =
            points.iter().map(|(tokens, value)| format!("{:.1} {:.1}", x(*tokens), y(height(*value)))).collect();
        let _ = write!(svg, "<path class=\"q {class}\" d=\"M{}\"/>", path.join("L"));
        for (tokens, value) in points {
            let (x, y) = (x(*tokens), y(height(*value)));
            let _ = write!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>");
        }
        let (at, row) = (LEFT + 340.0 * count(number % 2), legend + 18.0 * count(number / 2));
        let _ = write!(svg, "<circle class=\"{class}\" cx=\"{at:.0}\" cy=\"{:.0}\" r=\"4\"/>", row - 4.0);
        let _ = write!(svg, "<text x=\"{:.0}\" y=\"{row:.0}\">{}</text>", at + 10.0, escape(name));
    }
    svg.push_str("</svg>");
    Some(svg)
}
