//! `matrix analyze quantization` and `int4`: a run of many formats of the weights of a model.

use std::path::Path;

use matrix_engine::catalog::Family;
use matrix_engine::protocol::Calibration;

use super::analyze::answer;
use crate::cli::{Global, Int4Args, QuantizationArgs, QuantizedArgs};
use crate::error::{Error, ExitCode};
use crate::input::sources::Medium;
use crate::plan::{Cell, Model, Plan};
use crate::report::quantization;
use crate::run::described;
use crate::spec::{Flags, Scenario, Spec, calibrations};
use crate::weights;

/// Sentences in pairs that mean nearly the same, so that the order of their similarities says something.
const SENTENCES: [&str; 12] = [
    "A dog runs along the beach.",
    "On the sand by the sea a puppy is racing.",
    "The committee postponed its decision until spring.",
    "No vote will be taken before April, the members agreed.",
    "Whisk the eggs with sugar until the mixture is pale.",
    "Beat sugar and eggs together, they should turn light.",
    "Her flight was cancelled because of the storm.",
    "Bad weather kept the plane on the ground.",
    "The new chip halves the power that the phone needs.",
    "With this processor the battery lasts twice as long.",
    "He plays the violin in a small orchestra.",
    "In an ensemble of few musicians he is one of the strings.",
];

/// The word for every model there is.
const ALL: &str = "all";
/// Samples of a format where times are told.
const SAMPLES: u32 = 4;
/// Calibrations that take seconds; the others are worth their minutes where weights were trained.
const QUICK: [Calibration; 3] = [Calibration::None, Calibration::Mse, Calibration::Activations];
/// Sentences by which activations are calibrated: others than those that formats are judged by.
const CALIBRATION: [&str; 16] = [
    "The harbour was empty except for two fishing boats.",
    "Quarterly profits rose by a tenth, more than analysts had expected.",
    "Add the chopped onions and let them soften over a low heat.",
    "Our neighbours have planted a row of cherry trees along the fence.",
    "The patient was given antibiotics and could leave the hospital after three days.",
    "How do I reset the password of an account whose e-mail address I no longer use?",
    "In the second half the visitors scored twice and won the match.",
    "Light takes about eight minutes to travel from the sun to the earth.",
    "The court dismissed the appeal because it had been filed too late.",
    "She tuned her guitar while the audience was still looking for their seats.",
    "A function that calls itself needs a case in which it stops.",
    "The museum is closed on Mondays, but guided tours can be booked in advance.",
    "Heavy snow blocked the pass and the buses turned back in the valley.",
    "He learned Portuguese from the songs that his grandmother used to sing.",
    "This battery should be replaced when it no longer holds a charge for a day.",
    "The village elected a mayor who promised to rebuild the old bridge.",
];

/// Settings of an optimization.
type Settings = Vec<(&'static str, String)>;
/// The calibration that looks at what layers are given.
const ACTIVATIONS: &str = "activations";

/// Formats of some numbers of bits, on a page.
pub(crate) async fn by_bits(global: &Global, args: &QuantizationArgs) -> Result<ExitCode, Error> {
    let has = |bits: &str| args.bits.iter().any(|wanted| wanted == bits);
    let mut formats = Vec::new();
    if has("4") {
        formats.extend(four_bits(&args.subject));
    }
    if has("8") {
        formats.extend(integers("int8", args.subject.all_tests, &["none"]));
    }
    if has("16") {
        formats.push(("f16", Settings::new()));
    }
    analyze(global, &args.subject, "quantization", &formats, &args.output).await
}

/// Formats of 4 bits, as a picture.
pub(crate) async fn int4(global: &Global, args: &Int4Args) -> Result<ExitCode, Error> {
    analyze(global, &args.subject, "int4", &four_bits(&args.subject), &args.output_plot).await
}

/// Calibrated as it is asked for, or in every way; 8 bits have no need of it.
fn four_bits(subject: &QuantizedArgs) -> Vec<(&'static str, Settings)> {
    let asked: Vec<&str> = subject.calibrations.iter().map(String::as_str).collect();
    integers("int4", subject.all_tests, if asked.is_empty() { calibrations() } else { &asked })
}

fn integers(word: &'static str, all: bool, calibrations: &[&str]) -> Vec<(&'static str, Settings)> {
    let groups: &[u32] = if all { &[32, 64, 128, 256, 512] } else { &[32, 128] };
    let mut formats = Vec::new();
    for scheme in ["symmetric", "asymmetric"] {
        for calibration in calibrations {
            for group in groups {
                let mut settings = vec![
                    ("scheme", scheme.to_owned()),
                    ("group_size", group.to_string()),
                    ("calibration", (*calibration).to_owned()),
                ];
                if *calibration == ACTIVATIONS {
                    settings.push(("calibration_set", CALIBRATION.join("\n")));
                }
                formats.push((word, settings));
            }
        }
    }
    formats
}

/// The models that are meant, each once.
fn models(written: &[String]) -> Vec<String> {
    let families = Family::ALL.iter().map(|family| family.name().to_owned());
    let here = weights::NAMED.iter().filter(|named| weights::folder_of(named).is_some());
    let all: Vec<String> = here.map(|named| named.name.to_owned()).chain(families).collect();
    let mut models: Vec<String> = Vec::new();
    for word in written {
        let meant = if word == ALL { all.as_slice() } else { std::slice::from_ref(word) };
        let new: Vec<String> = meant.iter().filter(|model| !models.contains(model)).cloned().collect();
        models.extend(new);
    }
    models
}

/// Whether sentences are all that a model takes, or what goes in is made up.
fn can_be_calibrated(model: &Model) -> bool {
    described(model).map_or(true, |folder| folder.path().is_none() || folder.media() == [Medium::Text])
}

async fn analyze(
    global: &Global,
    subject: &QuantizedArgs,
    name: &str,
    formats: &[(&'static str, Settings)],
    output: &Path,
) -> Result<ExitCode, Error> {
    let models = models(&subject.model);
    let several = models.len() > 1;
    // Of several models accuracy is asked, which no browser changes and no repetition.
    let browser = subject.browser.as_deref().unwrap_or(if several { "native" } else { "chrome" });
    let samples = subject.min_samples.unwrap_or(if several { 0 } else { SAMPLES });
    let is_native = browser == "native";
    let platform = subject.platform.clone().unwrap_or_else(|| if is_native { "native-cpu" } else { "webgpu" }.into());
    let flags = Flags {
        name: Some(name.into()),
        browsers: vec![browser.to_owned()],
        platforms: vec![platform],
        scenario: Scenario { texts: Some(SENTENCES.map(String::from).to_vec()), ..Scenario::default() },
        min_samples: Some(samples.max(1)),
        max_samples: Some(samples.max(1).saturating_mul(4)),
        budget_s: Some(subject.budget),
        pages: Some(samples.clamp(1, 4)),
        ..Flags::default()
    };
    let mut plans = Vec::new();
    for model in &models {
        for (word, settings) in formats {
            plans.push(plan(&flags, model, word, settings)?);
        }
    }
    let mut plan = Plan::joined(name, plans);
    plan.cells.retain(|cell| calibration(cell) != Some(Calibration::Activations) || can_be_calibrated(&cell.model));
    if subject.calibrations.is_empty() && !subject.all_tests {
        plan.cells.retain(|cell| !cell.model.is_synthetic() || is_quick(cell));
    }
    if samples == 0 {
        plan.cells.iter_mut().for_each(|cell| cell.sampling.max = 0);
    }
    answer(global, &plan, subject.mock.as_deref(), output, quantization).await
}

fn calibration(cell: &Cell) -> Option<Calibration> {
    cell.treatment.integer.as_ref().map(|integer| integer.calibration)
}

fn is_quick(cell: &Cell) -> bool {
    calibration(cell).is_none_or(|calibration| QUICK.contains(&calibration))
}

/// The cell of one format of a model.
fn plan(flags: &Flags, model: &str, word: &str, settings: &Settings) -> Result<Plan, Error> {
    let flags = Flags {
        models: vec![model.to_owned()],
        optimizations: vec![word.to_owned()],
        settings: settings.iter().map(|(key, value)| (word.to_owned(), (*key).to_owned(), value.clone())).collect(),
        ..flags.clone()
    };
    Plan::new(&Spec::from_flags(&flags, |_| None)?, None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_every_family_and_nothing_is_named_twice() {
        let of = |words: &[&str]| models(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["bert", "llama-tiny", "bert"]), ["bert", "llama-tiny"]);
        let all = of(&["bert", "all"]);
        assert!(Family::ALL.iter().all(|family| all.iter().filter(|model| *model == family.name()).count() == 1));
    }

    #[test]
    fn formats_have_every_calibration_there_is() {
        for all in [false, true] {
            let formats = integers("int4", all, calibrations());
            for calibration in Calibration::ALL {
                let word = serde_json::to_value(calibration).expect("a word");
                let has = |(_, settings): &&(&str, Settings)| settings.iter().any(|(_, value)| word == **value);
                assert_eq!(formats.iter().filter(has).count(), if all { 10 } else { 4 }, "{word}");
            }
        }
    }
}
