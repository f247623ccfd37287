//! What the optimization guide claims, beside what was measured.

use matrix_engine::catalog::Family;
use serde::Serialize;

use super::cell::signed;
use super::view::Measured;
use crate::measure::{Compare, Effect, Metric, median};
use crate::run::event::Status;

/// One claim of the guide.
struct Claim {
    optimization: &'static str,
    /// In the guide's sense, short.
    text: &'static str,
    /// The metrics it is about: the first that was measured counts.
    metrics: &'static [&'static str],
    /// Percent that is claimed at least, positive when better; a cost is claimed to be at most this.
    from: f64,
    /// Percent that is claimed at most.
    to: f64,
    /// Models it is about; empty: all.
    families: &'static [Family],
    /// The claim is against f16 where baselines here are f32: half of their bytes is what it is held against.
    of_half: bool,
}

use Family::{
    Bert, Clap, Clip, Convnext, Gpt2, Llama, Llava, LlavaNext, Qwen2, Resnet, Roberta, T5, Vit, Wav2vec2, Whisper,
    Xclip,
};

const TEXT: &[Family] = &[Bert, Roberta, Gpt2, Llama, Qwen2, T5];
const AUDIO: &[Family] = &[Whisper, Wav2vec2, Clap];
const PARTS: &[Family] = &[Clip, Llava, LlavaNext, Xclip];

/// A claim about nothing.
const NONE: Claim =
    Claim { optimization: "", text: "", metrics: &[], from: 0.0, to: 0.0, families: &[], of_half: false };

/// The guide's claims, in its order.
const CLAIMS: &[Claim] = &[
    Claim {
        optimization: "int4",
        text: "75 % less weight memory (against f16)",
        metrics: &["weight_bytes"],
        from: 75.0,
        to: 75.0,
        families: TEXT,
        of_half: true,
    },
    Claim {
        optimization: "int4",
        text: "about 5 % loss of accuracy",
        metrics: &["accuracy.cosine"],
        from: -5.0,
        to: 0.0,
        families: TEXT,
        ..NONE
    },
    Claim {
        optimization: "int4",
        text: "10 to 15 % slower inference",
        metrics: &["infer_time"],
        from: -15.0,
        to: -10.0,
        families: TEXT,
        ..NONE
    },
    Claim {
        optimization: "int4",
        text: "faster loading",
        metrics: &["load_time", "reload_time"],
        from: 0.0,
        to: 100.0,
        families: TEXT,
        ..NONE
    },
    Claim {
        optimization: "kv_cache",
        text: "25 to 75 % less cache memory",
        metrics: &["memory_peak.kv"],
        from: 25.0,
        to: 75.0,
        ..NONE
    },
    Claim {
        optimization: "flash_attention",
        text: "30 to 45 % less attention memory",
        metrics: &["memory_peak.activations"],
        from: 30.0,
        to: 45.0,
        ..NONE
    },
    Claim {
        optimization: "flash_attention",
        text: "30 to 50 % faster on long sequences",
        metrics: &["infer_time", "prefill_time"],
        from: 30.0,
        to: 50.0,
        ..NONE
    },
    Claim {
        optimization: "progressive_loading",
        text: "15 to 25 % less peak memory",
        metrics: &["memory_peak"],
        from: 15.0,
        to: 25.0,
        ..NONE
    },
    Claim {
        optimization: "compute_shaders",
        text: "20 to 35 % faster audio processing",
        metrics: &["front_end_time", "infer_time"],
        from: 20.0,
        to: 35.0,
        families: AUDIO,
        ..NONE
    },
    Claim {
        optimization: "parallel_loading",
        text: "30 to 45 % faster loading",
        metrics: &["load_time", "reload_time"],
        from: 30.0,
        to: 45.0,
        families: PARTS,
        ..NONE
    },
    Claim {
        optimization: "shader_precompile",
        text: "30 to 45 % faster first inference",
        metrics: &["first_infer_time"],
        from: 30.0,
        to: 45.0,
        ..NONE
    },
];

/// What the guide recommends: models, families, optimizations.
const RECOMMENDED: &[(&str, &[Family], &[&str])] = &[
    ("LLMs", &[Llama, Qwen2, Gpt2], &["int4", "flash_attention", "progressive_loading"]),
    ("Embedding models", &[Bert, T5, Roberta], &["int4", "shader_precompile"]),
    ("Vision models", &[Vit, Resnet, Convnext], &["shader_precompile"]),
    ("Audio models", AUDIO, &["compute_shaders", "shader_precompile"]),
    ("Multimodal models", PARTS, &["parallel_loading", "progressive_loading", "shader_precompile"]),
    (
        "Audio and text",
        &[Clap],
        &["int4", "flash_attention", "progressive_loading", "compute_shaders", "parallel_loading", "shader_precompile"],
    ),
];

/// Optimizations as the guide calls them, for those that this version does not have.
const NAMES: &[(&str, &str)] = &[
    ("int4", "4-bit quantization"),
    ("kv_cache", "KV cache"),
    ("flash_attention", "Flash attention"),
    ("progressive_loading", "Progressive loading"),
    ("compute_shaders", "Compute shaders"),
    ("parallel_loading", "Parallel loading"),
    ("shader_precompile", "Shader precompilation"),
];

/// What the guide calls an optimization.
pub(super) fn name_of(word: &str) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == word).map(|(_, name)| *name)
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Measured as claimed.
    Confirmed,
    /// Better than claimed.
    Exceeded,
    /// In the direction claimed, but less of it.
    Short,
    /// At a higher cost than claimed.
    Costlier,
    /// Not at all, or the opposite.
    Refuted,
    /// Nothing was measured.
    NotMeasured,
}

impl Held {
    /// The word people read.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Confirmed => "as claimed",
            Self::Exceeded => "better than claimed",
            Self::Short => "less than claimed",
            Self::Costlier => "costs more than claimed",
            Self::Refuted => "not so here",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A claim and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimView {
    /// Name of the optimization for people.
    pub title: String,
    /// What the guide claims.
    pub claimed: String,
    /// The metric it was held against.
    pub metric: String,
    /// Median of the cells; empty when nothing was measured.
    pub measured: String,
    /// From the least cell's lower end to the greatest cell's upper end.
    pub interval: String,
    /// Cells measured.
    pub cells: usize,
    /// What became of it.
    pub held: Held,
    /// The same for people.
    pub verdict: String,
}

/// A recommendation and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecommendationView {
    /// `LLMs`.
    pub group: String,
    /// Models of that kind that ran.
    pub models: Vec<String>,
    /// What is recommended for them: name, what it did, and the style of that.
    pub recommended: Vec<(String, String, &'static str)>,
}

/// All claims, those about optimizations that were measured first.
pub(super) fn claims(cells: &[Measured], title: &dyn Fn(&str) -> String) -> Vec<ClaimView> {
    let mut views: Vec<ClaimView> = CLAIMS.iter().map(|claim| view(claim, cells, title(claim.optimization))).collect();
    views.sort_by_key(|view| view.held == Held::NotMeasured);
    views
}

/// Effects of one optimization alone, in cells that passed.
fn effects<'a>(
    cells: &'a [Measured],
    optimization: &'a str,
    families: &'a [Family],
    metric: &'a str,
) -> impl Iterator<Item = &'a Effect> {
    let about = move |cell: &&Measured| {
        let planned = &cell.row.cell;
        planned.optimization() == optimization
            && cell.row.status.is_some_and(Status::is_success)
            && (families.is_empty() || planned.model.family.is_none_or(|family| families.contains(&family)))
    };
    let named =
        move |cell: &'a Measured| cell.effects.iter().find(|(name, _)| name == metric).map(|(_, effect)| effect);
    cells.iter().filter(about).filter_map(named).filter(|effect| effect.improvement_percent.is_some())
}

fn view(claim: &Claim, cells: &[Measured], title: String) -> ClaimView {
    let measured = claim.metrics.iter().filter_map(|metric| {
        let effects: Vec<&Effect> = effects(cells, claim.optimization, claim.families, metric).collect();
        let mut improvements: Vec<f64> = effects.iter().filter_map(|effect| improvement(claim, effect)).collect();
        Some((*metric, median(&mut improvements)?, effects))
    });
    let mut measured: Vec<_> = measured.collect();
    // The first of which more than a middle is known, if there is one.
    let certain = |(_, _, effects): &(_, _, Vec<&Effect>)| effects.iter().any(|effect| effect.interval.is_some());
    let first = measured.iter().position(certain).unwrap_or(0);
    let measured = (first < measured.len()).then(|| measured.swap_remove(first));
    let mut view = ClaimView {
        title,
        claimed: claim.text.into(),
        metric: Metric::title_of(claim.metrics[0]).replace('_', " "),
        measured: String::new(),
        interval: String::new(),
        cells: 0,
        held: Held::NotMeasured,
        verdict: Held::NotMeasured.title().into(),
    };
    if let Some((metric, middle, effects)) = measured {
        let row = Metric::named(metric);
        let points = row.compare == Compare::Points;
        let ends = effects.iter().filter_map(|effect| effect.interval);
        let low = ends.clone().map(|interval| interval.low).min_by(f64::total_cmp);
        let high = ends.map(|interval| interval.high).max_by(f64::total_cmp);
        view.interval = low
            .zip(high)
            .map_or(String::new(), |(low, high)| format!("{} … {}", signed(low, points), signed(high, points)));
        view.metric = Metric::title_of(metric);
        if claim.of_half {
            view.metric.push_str(", against half of the f32 bytes");
            view.interval = String::new();
        }
        view.measured = signed(middle, points);
        view.cells = effects.len();
        view.held = held(claim, middle, row.threshold);
        view.verdict = view.held.title().into();
    }
    view
}

fn improvement(claim: &Claim, effect: &Effect) -> Option<f64> {
    if claim.of_half {
        Some(100.0 * (1.0 - 2.0 * effect.treatment / effect.baseline))
    } else {
        effect.improvement_percent
    }
    .filter(|percent| percent.is_finite())
}

/// What a median says of a claim; by as much as does not matter it may miss.
fn held(claim: &Claim, middle: f64, threshold: f64) -> Held {
    match middle {
        middle if middle > claim.to + threshold => Held::Exceeded,
        middle if middle >= claim.from - threshold => Held::Confirmed,
        _ if claim.to <= 0.0 => Held::Costlier,
        middle if middle > threshold => Held::Short,
        _ => Held::Refuted,
    }
}

/// What the guide recommends for each kind of model, and what each part of it did.
pub(super) fn recommendations(cells: &[Measured], title: &dyn Fn(&str) -> String) -> Vec<RecommendationView> {
    let views = RECOMMENDED.iter().map(|(group, families, optimizations)| {
        let mut models: Vec<String> = Vec::new();
        let here = |cell: &&Measured| cell.row.cell.model.family.is_some_and(|family| families.contains(&family));
        for cell in cells.iter().filter(here).filter(|cell| cell.row.status.is_some_and(Status::is_success)) {
            let name = crate::printable::printable(&cell.row.cell.model.title()).into_owned();
            if !models.contains(&name) {
                models.push(name);
            }
        }
        let recommended = optimizations.iter().map(|word| {
            let (did, style) = outcome(cells, word, families);
            (title(word), did, style)
        });
        RecommendationView { group: (*group).into(), models, recommended: recommended.collect() }
    });
    views.collect()
}

/// What an optimization did for some families, by the metrics that the guide recommends it for.
fn outcome(cells: &[Measured], word: &str, families: &[Family]) -> (String, &'static str) {
    let mut metrics: Vec<&str> = CLAIMS
        .iter()
        .filter(|claim| claim.optimization == word && claim.from >= 0.0)
        .flat_map(|claim| claim.metrics)
        .copied()
        .collect();
    metrics.dedup();
    let mut parts = Vec::new();
    let (mut gains, mut losses) = (0, 0);
    for metric in metrics {
        let mut improvements: Vec<f64> =
            effects(cells, word, families, metric).filter_map(|effect| effect.improvement_percent).collect();
        let count = improvements.len();
        let Some(middle) = median(&mut improvements) else { continue };
        let row = Metric::named(metric);
        gains += usize::from(middle >= row.threshold);
        losses += usize::from(middle <= -row.threshold);
        let cells = if count == 1 { "1 cell".into() } else { format!("{count} cells") };
        parts.push(format!(
            "{} {} ({cells})",
            Metric::title_of(metric),
            signed(middle, row.compare == Compare::Points)
        ));
    }
    let style = match (gains, losses) {
        (0, 0) if parts.is_empty() => return ("not run".into(), "quiet"),
        (0, _) => "worse",
        (_, 0) => "better",
        _ => "",
    };
    (parts.join("; "), style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_held_against_what_is_claimed() {
        let claim = |from, to| Claim { optimization: "int4", text: "", metrics: &[], from, to, ..NONE };
        let judge = |from, to, middle| held(&claim(from, to), middle, 3.0);
        assert_eq!(judge(30.0, 45.0, 40.0), Held::Confirmed);
        assert_eq!(judge(30.0, 45.0, 28.0), Held::Confirmed);
        assert_eq!(judge(30.0, 45.0, 60.0), Held::Exceeded);
        assert_eq!(judge(30.0, 45.0, 12.0), Held::Short);
        assert_eq!(judge(30.0, 45.0, 1.0), Held::Refuted);
        assert_eq!(judge(30.0, 45.0, -20.0), Held::Refuted);
        // A cost: at most 15 % slower.
        assert_eq!(judge(-15.0, -10.0, -12.0), Held::Confirmed);
        assert_eq!(judge(-15.0, -10.0, 20.0), Held::Exceeded);
        assert_eq!(judge(-15.0, -10.0, -60.0), Held::Costlier);
    }
}
