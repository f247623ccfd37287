//! What ways to keep keys and values cost: agreement with f32 and bytes, as curves over lengths of prompts.

use std::fmt::Write as _;

use matrix_engine::protocol::{KvCache, PrunePolicy};

use super::analysis::{Analysis, Section, Subject, models};
use super::chart::{ChartView, WIDTH, count, open};
use super::plot::escape;
use crate::error::Result;
use crate::store::{RunRow, Store};

const COLUMNS: [&str; 7] = ["Keys and values", "Prompt", "Bytes kept", "Top-1", "KL", "Cosine", "Not passed"];
/// The bytes of the cache itself.
const KV_BYTES: &str = "memory_peak.kv";
const LEFT: f64 = 70.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 230.0;

/// How values become heights.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    /// 0 to 1.
    Share,
    /// Powers of ten.
    Decades,
    /// Of the baseline's.
    Kept,
}

/// What is drawn: metric, name, how to read it, scale.
const CURVES: [(&str, &str, &str, Scale); 3] = [
    ("accuracy.top1", "same next token as f32", "Share of 16 forced tokens; higher is better", Scale::Share),
    ("accuracy.kl", "KL divergence from f32", "Nats, on a logarithmic scale; lower is better", Scale::Decades),
    (KV_BYTES, "bytes of the cache", "Share of the plain cache's; lower is better", Scale::Kept),
];

/// The analysis of a run whose cells differ in how they keep keys and values, and in the length of their prompts.
///
/// # Errors
/// When the store cannot be read.
pub fn kv_quality(store: &Store, run: &RunRow) -> Result<Analysis> {
    let subjects = Subject::all(store, run)?;
    let models = models(&subjects);
    let mut analysis = Analysis::of("KV caches", store, run, &subjects)?;
    for model in &models {
        let of: Vec<&Subject> = subjects.iter().filter(|subject| subject.model == *model).collect();
        let charts = CURVES.into_iter().filter_map(|(metric, name, text, scale)| {
            let title = format!("{model}: {name}");
            let svg = draw(&title, &lines(&of, metric, scale), scale)?;
            let text = format!("{text}, over the tokens of the prompt.");
            Some(ChartView { name: format!("{metric}:{model}"), title, text, svg })
        });
        let rows: Vec<Vec<String>> = of.iter().map(|subject| line(subject)).collect();
        analysis.sections.push(Section::new(model.as_str(), &COLUMNS, &rows).charts(charts));
    }
    Ok(analysis)
}

fn line(it: &Subject) -> Vec<String> {
    vec![
        way(it),
        it.row.cell.scenario.tokens.to_string(),
        it.kept(KV_BYTES),
        it.value("accuracy.top1"),
        it.value("accuracy.kl"),
        it.value("accuracy.cosine"),
        it.trouble(),
    ]
}

/// `4 bits, window of half the prompt, 50 % by importance`
fn way(subject: &Subject) -> String {
    let cell = &subject.row.cell;
    let Some(KvCache { bits, window, prune, .. }) = &cell.treatment.kv_cache else { return "plain".into() };
    let share = |window: u32| {
        if window == cell.scenario.tokens / 2 { "half the prompt".into() } else { format!("{window} tokens") }
    };
    let kept = prune.as_ref().map(|prune| {
        let policy = match prune.policy {
            PrunePolicy::Importance => "importance",
            PrunePolicy::Recency => "recency",
            PrunePolicy::Frequency => "frequency",
        };
        format!("{} % by {policy}", prune.keep_percent)
    });
    let bits = bits.map(|bits| format!("{bits} bits"));
    let window = window.map(|window| format!("window of {}", share(window)));
    [bits, window, kept].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The values of every way by the length of the prompt.
fn lines(subjects: &[&Subject], metric: &str, scale: Scale) -> Vec<(String, Vec<(f64, f64)>)> {
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for subject in subjects {
        let value = subject.effect(metric).and_then(|effect| match scale {
            Scale::Share => Some(effect.treatment),
            // Below that f32 itself is not sure.
            Scale::Decades => Some(effect.treatment.max(1e-8).log10()),
            Scale::Kept => (effect.baseline > 0.0).then(|| effect.treatment / effect.baseline),
        });
        let Some(value) = value else { continue };
        let way = way(subject);
        let at = lines.iter().position(|(name, _)| *name == way).unwrap_or_else(|| {
            lines.push((way, Vec::new()));
            lines.len() - 1
        });
        lines[at].1.push((f64::from(subject.row.cell.scenario.tokens), value));
    }
    lines
}

fn draw(title: &str, lines: &[(String, Vec<(f64, f64)>)], scale: Scale) -> Option<String> {
    let points: Vec<(f64, f64)> = lines.iter().flat_map(|(_, points)| points.iter().copied()).collect();
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
    let height = legend + 18.0 * count(lines.len().div_ceil(2));
    let mut svg = open(&format!("{title}: {} ways over lengths of prompts", lines.len()), height);
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
    for (number, (way, points)) in lines.iter().enumerate() {
        let class = format!("c{}", number % 6);
        let path: Vec<String> =
            points.iter().map(|(tokens, value)| format!("{:.1} {:.1}", x(*tokens), y(*value))).collect();
        let _ = write!(svg, "<path class=\"q {class}\" d=\"M{}\"/>", path.join("L"));
        for (tokens, value) in points {
            let (x, y) = (x(*tokens), y(*value));
            let _ = write!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>");
        }
        let (at, row) = (LEFT + 340.0 * count(number % 2), legend + 18.0 * count(number / 2));
        let _ = write!(svg, "<circle class=\"{class}\" cx=\"{at:.0}\" cy=\"{:.0}\" r=\"4\"/>", row - 4.0);
        let _ = write!(svg, "<text x=\"{:.0}\" y=\"{row:.0}\">{}</text>", at + 10.0, escape(way));
    }
    svg.push_str("</svg>");
    Some(svg)
}
