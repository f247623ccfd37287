//! What formats of weights cost and gain: accuracy against bits per weight, and effects with their intervals.

use matrix_engine::protocol::{Calibration, Integer, Options, Scheme};

use super::analysis::{Analysis, NOTHING, Section, Subject, models};
use super::calibration::{findings, summary};
use super::quantization_chart::{effects, error_by_bits};
use crate::error::Result;
use crate::store::{RunRow, Store};

const COLUMNS: [&str; 10] = [
    "Format",
    "Bits of a quantized weight",
    "Bytes of all weights",
    "Cosine",
    "KL",
    "Top-1",
    "Rank correlation",
    "Load time",
    "Time of a token or an inference",
    "Not passed",
];

/// One format of the weights of one model, as it was measured.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) subject: Subject,
    /// `int4 · groups of 32 · asymmetric · mse`
    pub(super) format: String,
    /// What the engine counted for a quantized weight; a baseline has none, so that it is no effect.
    counted: Option<f64>,
}

impl Variant {
    fn of(subject: Subject, store: &Store) -> Result<Self> {
        let samples = store.samples(subject.row.id)?;
        let counted = samples.iter().find(|sample| sample.metric == "quantized_bits_per_weight");
        let counted = counted.and_then(|sample| sample.value);
        Ok(Self { format: named(&subject.row.cell.treatment), subject, counted })
    }

    /// How groups are stored; none for 16-bit floats.
    pub(super) fn integer(&self) -> Option<&Integer> {
        self.subject.row.cell.treatment.integer.as_ref()
    }

    /// Bits that a quantized weight takes, scales and zero points included.
    pub(super) fn bits(&self) -> Option<f64> {
        if self.integer().is_some() { self.counted } else { Some(16.0) }
    }

    /// 1 − cosine of the outputs beside f32.
    pub(super) fn error(&self) -> Option<f64> {
        // Below a millionth f32 itself is not sure.
        self.subject.effect("accuracy.cosine").map(|effect| (1.0 - effect.treatment).max(1e-6))
    }

    /// Whether its times were sampled.
    pub(super) fn is_timed(&self) -> bool {
        self.subject.row.cell.sampling.max > 0
    }

    /// What is timed of its model.
    pub(super) fn timed(&self) -> &'static str {
        if self.subject.effect("token_time").is_some() { "token_time" } else { "infer_time" }
    }

    fn line(&self) -> Vec<String> {
        let it = &self.subject;
        // Formats of 8 bits differ in digits that other tables leave out.
        let cosine = it.effect("accuracy.cosine").map(|effect| format!("{:.6}", effect.treatment));
        let time = |metric| if self.is_timed() { it.improvement(metric) } else { NOTHING.into() };
        vec![
            self.format.clone(),
            self.bits().map_or_else(|| NOTHING.into(), |bits| format!("{bits:.3}")),
            it.kept("weight_bytes"),
            cosine.unwrap_or_else(|| NOTHING.into()),
            it.value("accuracy.kl"),
            it.value("accuracy.top1"),
            it.value("accuracy.rank"),
            time("load_time"),
            time(self.timed()),
            it.trouble(),
        ]
    }
}

fn named(options: &Options) -> String {
    let Some(integer) = &options.integer else { return "f16".into() };
    let scheme = if integer.scheme == Scheme::Symmetric { "symmetric" } else { "asymmetric" };
    format!("int{} · groups of {} · {scheme} · {}", integer.bits, integer.group_size, calibrated(integer.calibration))
}

/// The word of a calibration, as it is in matrix files.
pub(super) fn calibrated(calibration: Calibration) -> String {
    let word = serde_json::to_value(calibration).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The analysis of a run whose cells differ in the format of their weights: what calibrations did in all models, then
/// model by model.
///
/// # Errors
/// When the store cannot be read.
pub fn quantization(store: &Store, run: &RunRow) -> Result<Analysis> {
    let subjects = Subject::all(store, run)?;
    let models = models(&subjects);
    let mut analysis = Analysis::of("Quantization", store, run, &subjects)?;
    let variants = subjects.into_iter().map(|subject| Variant::of(subject, store)).collect::<Result<Vec<_>>>()?;
    analysis.findings = findings(&variants.iter().collect::<Vec<_>>());
    analysis.sections = summary(&models, &variants);
    for model in &models {
        let of: Vec<&Variant> = variants.iter().filter(|variant| variant.subject.model == *model).collect();
        let rows: Vec<Vec<String>> = of.iter().map(|variant| variant.line()).collect();
        let charts = [error_by_bits(model, &of), effects(model, &of)].into_iter().flatten();
        analysis.sections.push(Section::new(model.as_str(), &COLUMNS, &rows).text(ranked(&of)).charts(charts));
    }
    Ok(analysis)
}

/// How to read ranks, where a model has them.
fn ranked(variants: &[&Variant]) -> String {
    let ranked = variants.iter().find(|variant| variant.subject.effect("accuracy.rank").is_some());
    let Some(texts) = ranked.map(|variant| variant.subject.row.cell.scenario.texts.len()) else { return String::new() };
    format!(
        "Rank correlation is Spearman's, of the similarities of all {} pairs of {texts} sentences: what a search with these \
         embeddings depends on.",
        texts * (texts - 1) / 2
    )
}
