//! What ways to keep keys and values cost: agreement with f32 and bytes, as curves over lengths of prompts.

use matrix_engine::protocol::{KvCache, PrunePolicy};

use super::analysis::{Analysis, Section, Subject, models};
use super::chart::ChartView;
use super::curve::{Line, Scale, add, draw};
use crate::error::Result;
use crate::store::{RunRow, Store};

const COLUMNS: [&str; 7] = ["Keys and values", "Prompt", "Bytes kept", "Top-1", "KL", "Cosine", "Not passed"];
/// The bytes of the cache itself.
const KV_BYTES: &str = "memory_peak.kv";

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
        way_of(it),
        it.row.cell.scenario.tokens.to_string(),
        it.kept(KV_BYTES),
        it.value("accuracy.top1"),
        it.value("accuracy.kl"),
        it.value("accuracy.cosine"),
        it.trouble(),
    ]
}

/// `4 bits, window of half the prompt, 50 % by importance`; a window is a share where the `prompt` has a length.
pub(super) fn way(cache: Option<&KvCache>, prompt: Option<u32>) -> String {
    let Some(KvCache { bits, window, prune, .. }) = cache else { return "plain".into() };
    let share = |window: u32| {
        let is_half = prompt.is_some_and(|tokens| window == tokens / 2);
        if is_half { "half the prompt".into() } else { format!("{window} tokens") }
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
    let parts: Vec<String> = [bits, window, kept].into_iter().flatten().collect();
    if parts.is_empty() { "plain".into() } else { parts.join(", ") }
}

fn way_of(subject: &Subject) -> String {
    let cell = &subject.row.cell;
    way(cell.treatment.kv_cache.as_ref(), Some(cell.scenario.tokens))
}

/// The values of every way by the length of the prompt.
fn lines(subjects: &[&Subject], metric: &str, scale: Scale) -> Vec<Line> {
    let mut lines = Vec::new();
    for subject in subjects {
        let value = subject.effect(metric).and_then(|effect| match scale {
            Scale::Share | Scale::Decades => Some(effect.treatment),
            Scale::Kept => (effect.baseline > 0.0).then(|| effect.treatment / effect.baseline),
        });
        let Some(value) = value else { continue };
        add(&mut lines, way_of(subject), (f64::from(subject.row.cell.scenario.tokens), value));
    }
    lines
}
