//! Which calibrations of integer weights beat none of it: by which measure, in how many settings.

use std::fmt::Write as _;

use matrix_engine::protocol::{Calibration, Integer};

use super::analysis::{NOTHING, Section};
use super::quantization::{Variant, calibrated};
use crate::measure::{Better, Metric, median};

/// What outputs are compared by; not every kind of output has all of it.
const METRICS: [(&str, &str); 4] = [
    ("accuracy.cosine", "cosine"),
    ("accuracy.kl", "KL"),
    ("accuracy.top1", "top-1 agreement"),
    ("accuracy.rank", "rank correlation"),
];
/// Formats that a sentence names; more are counted.
const NAMED: usize = 3;

/// A calibrated format, and the same without calibration.
struct Pair<'a> {
    plain: &'a Variant,
    calibrated: &'a Variant,
}

impl Pair<'_> {
    /// Whether calibration made a measure better or worse; none where it is equal, or was not taken.
    fn is_better(&self, metric: &str) -> Option<bool> {
        let value = |variant: &Variant| Some(variant.subject.effect(metric)?.treatment);
        let (plain, calibrated) = (value(self.plain)?, value(self.calibrated)?);
        let is_better =
            if Metric::named(metric).better == Better::Higher { calibrated > plain } else { calibrated < plain };
        (plain.total_cmp(&calibrated).is_ne()).then_some(is_better)
    }

    fn has(&self, metric: &str) -> bool {
        [self.plain, self.calibrated].iter().all(|variant| variant.subject.effect(metric).is_some())
    }

    /// The error that calibration leaves, of the error without.
    fn ratio(&self) -> Option<f64> {
        Some(self.calibrated.error()? / self.plain.error()?)
    }
}

/// The pairs of a calibration, model by model.
fn pairs<'a>(variants: &[&'a Variant], calibration: Calibration) -> Vec<Pair<'a>> {
    let pair = |calibrated: &&'a Variant| {
        let integer = calibrated.integer().filter(|integer| integer.calibration == calibration)?;
        let plain = Integer { calibration: Calibration::None, calibration_set: Vec::new(), ..integer.clone() };
        let is_plain = |other: &&&Variant| {
            other.subject.row.cell.model == calibrated.subject.row.cell.model && other.integer() == Some(&plain)
        };
        Some(Pair { plain: variants.iter().find(is_plain)?, calibrated })
    };
    variants.iter().filter_map(pair).collect()
}

/// How often a measure got better and worse.
struct Tally<'a> {
    better: usize,
    equal: usize,
    worse: Vec<&'a Variant>,
}

impl<'a> Tally<'a> {
    /// The tally of those that have the measure; none where none has.
    fn of(pairs: &[Pair<'a>], metric: &str) -> Option<Self> {
        let mut tally = Self { better: 0, equal: 0, worse: Vec::new() };
        let mut is_any = false;
        for pair in pairs.iter().filter(|pair| pair.has(metric)) {
            is_any = true;
            match pair.is_better(metric) {
                Some(true) => tally.better += 1,
                Some(false) => tally.worse.push(pair.calibrated),
                None => tally.equal += 1,
            }
        }
        is_any.then_some(tally)
    }

    fn all(&self) -> usize {
        self.better + self.equal + self.worse.len()
    }

    /// `3 better, 1 worse`
    fn text(&self) -> String {
        let counts = [(self.better, "better"), (self.equal, "equal"), (self.worse.len(), "worse")];
        let counted = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        counted.collect::<Vec<_>>().join(", ")
    }
}

/// Models that are spoken of together: each with weights of its own, all with made-up weights.
fn groups<'a>(variants: &[&'a Variant]) -> Vec<(String, Vec<&'a Variant>)> {
    let mut groups: Vec<(String, Vec<&Variant>)> = Vec::new();
    let mut made_up: Vec<&str> = Vec::new();
    for variant in variants.iter().filter(|variant| variant.subject.row.cell.model.is_synthetic()) {
        if !made_up.contains(&variant.subject.model.as_str()) {
            made_up.push(&variant.subject.model);
        }
    }
    let together =
        if made_up.len() > 1 { format!("{} models with made-up weights", made_up.len()) } else { String::new() };
    for variant in variants {
        let is_together = !together.is_empty() && variant.subject.row.cell.model.is_synthetic();
        let name = if is_together { &together } else { &variant.subject.model };
        match groups.iter_mut().find(|(other, _)| other == name) {
            Some((_, group)) => group.push(variant),
            None => groups.push((name.clone(), vec![variant])),
        }
    }
    // What was trained says more.
    groups.sort_by_key(|(_, group)| group.iter().all(|variant| variant.subject.row.cell.model.is_synthetic()));
    groups
}

fn calibrations() -> impl Iterator<Item = Calibration> {
    Calibration::ALL.into_iter().filter(|calibration| *calibration != Calibration::None)
}

/// What calibrations did, and which 4-bit format is best by which measure, in sentences.
pub(super) fn findings(variants: &[&Variant]) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, group) in groups(variants) {
        findings
            .extend(calibrations().filter_map(|calibration| sentence(&name, calibration, &pairs(&group, calibration))));
        let models = group.iter().map(|variant| &variant.subject.model);
        // Of several models each has its row in a table.
        if models.clone().all(|model| *model == group[0].subject.model) {
            findings.extend(best(&name, &group));
        }
    }
    findings
}

/// `minilm: mse is nearer to f32 than none in 4 of 4 settings …`, and what speaks against it.
fn sentence(name: &str, calibration: Calibration, pairs: &[Pair<'_>]) -> Option<String> {
    let nearer = Tally::of(pairs, METRICS[0].0)?;
    let ratio = median(&mut pairs.iter().filter_map(Pair::ratio).collect::<Vec<_>>())?;
    let word = calibrated(calibration);
    let mut text = format!(
        "{name}: {word} is nearer to f32 than none in {} of {} settings; its error (1 − cosine) is {:.0} % of theirs, in the median",
        nearer.better,
        nearer.all(),
        100.0 * ratio
    );
    for (metric, what) in &METRICS[1..] {
        let Some(tally) = Tally::of(pairs, metric) else { continue };
        // Writing to a string cannot fail.
        let _ = write!(text, "; {what} is {}", tally.text());
        if (1..=NAMED).contains(&tally.worse.len()) && tally.all() > 1 {
            let formats: Vec<&str> = tally.worse.iter().map(|variant| variant.format.as_str()).collect();
            let _ = write!(text, " ({})", formats.join("; "));
        }
    }
    Some(text)
}

/// The 4-bit format of a model that is best by every measure, or by each.
fn best(name: &str, variants: &[&Variant]) -> Option<String> {
    let by_cosine = best_by(variants, METRICS[0].0)?;
    let mut text = format!(
        "{name}: of 4-bit formats {} is nearest to f32, 1 − cosine is {:.2e}",
        by_cosine.format,
        by_cosine.error()?
    );
    let metric = "accuracy.rank";
    if let Some(by_rank) = best_by(variants, metric) {
        let rank = |variant: &Variant| variant.subject.value(metric);
        let _ = if by_rank.format == by_cosine.format {
            write!(text, "; by rank correlation, too ({})", rank(by_rank))
        } else {
            write!(
                text,
                "; by rank correlation it is {}, with {} instead of {}",
                by_rank.format,
                rank(by_rank),
                rank(by_cosine)
            )
        };
    }
    Some(text)
}

/// The 4-bit format with the best value of a measure, the one with the fewest bits where several have it.
fn best_by<'a>(variants: &[&'a Variant], metric: &str) -> Option<&'a Variant> {
    let sign = if Metric::named(metric).better == Better::Higher { -1.0 } else { 1.0 };
    let four = variants.iter().filter(|variant| variant.integer().is_some_and(|integer| integer.bits == 4));
    let valued = four.filter_map(|variant| Some((*variant, sign * variant.subject.effect(metric)?.treatment)));
    let bits = |variant: &Variant| variant.bits().unwrap_or(f64::INFINITY);
    valued.min_by(|a, b| a.1.total_cmp(&b.1).then(bits(a.0).total_cmp(&bits(b.0)))).map(|(variant, _)| variant)
}

/// Tables over all models: what each calibration did, and the best 4-bit format by each measure.
pub(super) fn summary(models: &[String], variants: &[Variant]) -> Vec<Section> {
    let of = |model: &String| variants.iter().filter(|it| it.subject.model == *model).collect::<Vec<&Variant>>();
    let mut rows = Vec::new();
    let mut formats = Vec::new();
    for model in models {
        let of = of(model);
        for calibration in calibrations() {
            let pairs = pairs(&of, calibration);
            let Some(ratio) = median(&mut pairs.iter().filter_map(Pair::ratio).collect::<Vec<_>>()) else { continue };
            let mut row = vec![model.clone(), calibrated(calibration), format!("{:.0} %", 100.0 * ratio)];
            row.extend(
                METRICS.map(|(metric, _)| Tally::of(&pairs, metric).map_or_else(|| NOTHING.into(), |it| it.text())),
            );
            rows.push(row);
        }
        let best = METRICS.map(|(metric, _)| {
            let best = best_by(&of, metric);
            best.map_or_else(
                || NOTHING.into(),
                |it| format!("{}: {}", it.format.replacen("int4 · ", "", 1), it.subject.value(metric)),
            )
        });
        if best.iter().any(|text: &String| text != NOTHING) {
            formats.push(std::iter::once(model.clone()).chain(best).collect());
        }
    }
    let columns = ["Model", "Calibration", "Error, of none's", "Cosine", "KL", "Top-1", "Rank correlation"];
    let mut text =
        "Each calibrated format beside the same without calibration: the error (1 − cosine) that is left, in the \
        median, and how often each measure of accuracy got better or worse."
            .to_owned();
    if !variants.iter().any(Variant::is_timed) {
        text.push_str(" Bytes and accuracy are counted, so once is enough; times were not sampled.");
    }
    let beside = Section::new("Calibrations beside none", &columns, &rows).text(text);
    let columns = ["Model", "By cosine", "By KL", "By top-1", "By rank correlation"];
    let best = Section::new("Best 4-bit formats", &columns, &formats)
        .text("The best value of each measure, and the format that has it; the one with fewer bits where several do.");
    vec![beside, best]
}
