//! `matrix analyze quantization` and `int4`: a run of many formats of the weights of a model.

use std::path::Path;

use super::analyze::answer;
use crate::cli::{Global, Int4Args, QuantizationArgs, QuantizedArgs};
use crate::error::{Error, ExitCode};
use crate::input::sources::Medium;
use crate::plan::{Model, Plan};
use crate::report::quantization;
use crate::run::described;
use crate::spec::{Flags, Scenario, Spec};

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
        formats.extend(four_bits(args.subject.all_tests));
    }
    if has("8") {
        formats.extend(eight_bits(args.subject.all_tests));
    }
    if has("16") {
        formats.push(("f16", Settings::new()));
    }
    analyze(global, &args.subject, "quantization", &formats, &args.output).await
}

/// Formats of 4 bits, as a picture.
pub(crate) async fn int4(global: &Global, args: &Int4Args) -> Result<ExitCode, Error> {
    analyze(global, &args.subject, "int4", &four_bits(args.subject.all_tests), &args.output_plot).await
}

fn four_bits(all: bool) -> Vec<(&'static str, Settings)> {
    let groups: &[u32] = if all { &[32, 64, 128, 256, 512] } else { &[32, 128] };
    let calibrations: &[&str] = if all { &["none", "mse", "hqq", ACTIVATIONS] } else { &["none", "mse", ACTIVATIONS] };
    formats("int4", groups, calibrations)
}

fn eight_bits(all: bool) -> Vec<(&'static str, Settings)> {
    formats("int8", if all { &[32, 64, 128, 256, 512] } else { &[32, 128] }, &["none"])
}

fn formats(word: &'static str, groups: &[u32], calibrations: &[&str]) -> Vec<(&'static str, Settings)> {
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

async fn analyze(
    global: &Global,
    subject: &QuantizedArgs,
    name: &str,
    formats: &[(&'static str, Settings)],
    output: &Path,
) -> Result<ExitCode, Error> {
    let plans = formats.iter().map(|(word, settings)| {
        let mut plan = plan(subject, name, word, settings)?;
        if settings.iter().any(|(_, value)| value == ACTIVATIONS) {
            plan.cells.retain(|cell| can_be_calibrated(&cell.model));
        }
        Ok(plan)
    });
    let plan = Plan::joined(name, plans.collect::<Result<Vec<_>, Error>>()?);
    answer(global, &plan, subject.mock.as_deref(), output, quantization).await
}

/// Whether sentences are all that a model takes, or what goes in is made up.
fn can_be_calibrated(model: &Model) -> bool {
    described(model).map_or(true, |folder| folder.path().is_none() || folder.media() == [Medium::Text])
}

/// The cells of one format.
fn plan(subject: &QuantizedArgs, name: &str, word: &str, settings: &Settings) -> Result<Plan, Error> {
    let is_native = subject.browser == "native";
    let platform = subject.platform.clone().unwrap_or_else(|| if is_native { "native-cpu" } else { "webgpu" }.into());
    let flags = Flags {
        name: Some(name.into()),
        browsers: vec![subject.browser.clone()],
        platforms: vec![platform],
        models: subject.model.clone(),
        optimizations: vec![word.to_owned()],
        settings: settings.iter().map(|(key, value)| (word.to_owned(), (*key).to_owned(), value.clone())).collect(),
        scenario: Scenario { texts: Some(SENTENCES.map(String::from).to_vec()), ..Scenario::default() },
        min_samples: Some(subject.min_samples),
        max_samples: Some(4 * subject.min_samples),
        budget_s: Some(subject.budget),
        pages: Some(subject.min_samples.min(4)),
        ..Flags::default()
    };
    Plan::new(&Spec::from_flags(&flags, |_| None)?, None, None)
}
