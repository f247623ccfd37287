//! What formats of weights cost and gain: accuracy against bits per weight, and effects with their intervals.

use matrix_engine::protocol::{Calibration, Integer, Options, Scheme};

use super::analysis::{Analysis, Subject, models};
use super::quantization_chart::{effects, error_by_bits};
use crate::error::Result;
use crate::measure::median;
use crate::store::{RunRow, Store};

const COLUMNS: [&str; 11] = [
    "Model",
    "Format",
    "Bits per weight",
    "Weights kept",
    "Cosine",
    "KL",
    "Top-1",
    "Rank correlation",
    "Load time",
    "Time of a token or an inference",
    "Ended",
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

    /// What is timed of its model.
    pub(super) fn timed(&self) -> &'static str {
        if self.subject.effect("token_time").is_some() { "token_time" } else { "infer_time" }
    }

    fn line(&self) -> Vec<String> {
        let it = &self.subject;
        vec![
            it.model.clone(),
            self.format.clone(),
            self.bits().map_or_else(|| "–".into(), |bits| format!("{bits:.3}")),
            it.kept("weight_bytes"),
            it.value("accuracy.cosine"),
            it.value("accuracy.kl"),
            it.value("accuracy.top1"),
            it.value("accuracy.rank"),
            it.improvement("load_time"),
            it.improvement(self.timed()),
            it.ended(),
        ]
    }
}

fn named(options: &Options) -> String {
    let Some(integer) = &options.integer else { return "f16".into() };
    let scheme = if integer.scheme == Scheme::Symmetric { "symmetric" } else { "asymmetric" };
    format!("int{} · groups of {} · {scheme} · {}", integer.bits, integer.group_size, calibrated(integer.calibration))
}

pub(super) fn calibrated(calibration: Calibration) -> &'static str {
    match calibration {
        Calibration::None => "none",
        Calibration::Mse => "mse",
        Calibration::Hqq => "hqq",
        Calibration::Activations => "activations",
    }
}

/// The analysis of a run whose cells differ in the format of their weights.
///
/// # Errors
/// When the store cannot be read.
pub fn quantization(store: &Store, run: &RunRow) -> Result<Analysis> {
    let subjects = Subject::all(store, run)?;
    let models = models(&subjects);
    let mut analysis = Analysis::of(format!("Quantization of {}", models.join(", ")), store, run, &subjects)?;
    let variants = subjects.into_iter().map(|subject| Variant::of(subject, store)).collect::<Result<Vec<_>>>()?;
    for model in &models {
        let of: Vec<&Variant> = variants.iter().filter(|variant| variant.subject.model == *model).collect();
        analysis.charts.extend([error_by_bits(model, &of), effects(model, &of)].into_iter().flatten());
        analysis.findings.extend(findings(model, &of));
    }
    analysis.columns = COLUMNS.to_vec();
    analysis.rows = variants.iter().map(Variant::line).collect();
    Ok(analysis)
}

/// Which calibrations beat none of it, other things being equal, and which 4-bit format is nearest to f32.
fn findings(model: &str, variants: &[&Variant]) -> Vec<String> {
    let mut findings = Vec::new();
    for calibration in [Calibration::Mse, Calibration::Hqq, Calibration::Activations] {
        let pairs = variants.iter().filter_map(|variant| {
            let integer = variant.integer().filter(|integer| integer.calibration == calibration)?;
            let plain = Integer { calibration: Calibration::None, calibration_set: Vec::new(), ..integer.clone() };
            Some((variants.iter().find(|other| other.integer() == Some(&plain))?.error()?, variant.error()?))
        });
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let nearer = pairs.iter().filter(|(plain, calibrated)| calibrated < plain).count();
        let mut ratios: Vec<f64> = pairs.iter().map(|(plain, calibrated)| calibrated / plain).collect();
        if let Some(ratio) = median(&mut ratios) {
            findings.push(format!(
                "{model}: {} is nearer to f32 than none in {nearer} of {} settings; its error (1 − cosine) is {:.0} % of theirs, in the median",
                calibrated(calibration),
                pairs.len(),
                100.0 * ratio
            ));
        }
    }
    let four = variants.iter().filter(|variant| variant.integer().is_some_and(|integer| integer.bits == 4));
    let best = four.filter_map(|variant| Some((variant, variant.error()?))).min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((best, error)) = best {
        findings
            .push(format!("{model}: of 4-bit formats {} is nearest to f32, 1 − cosine is {error:.2e}", best.format));
    }
    findings
}
