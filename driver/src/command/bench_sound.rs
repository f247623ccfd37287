//! `matrix bench sound`: front ends of audio models by themselves.

use matrix_engine::catalog::{Family, Size};
use matrix_engine::front_end::SAMPLES;
use matrix_engine::protocol::{FailureKind, Measure, ModelSource, Options, Outcome, Platform, Step, Tensor, Tensors};
use serde::Serialize;

use super::ask::Page;
use super::bench::check_budget;
use super::{print, words};
use crate::browser::BrowserId;
use crate::cli::{Global, SoundArgs};
use crate::error::{Error, ExitCode};
use crate::input::{ModelFolder, audio::made_up};
use crate::measure::median;
use crate::page::Server;
use crate::session::{Launcher, Sessions as _};

const SLOT: &str = "front end";
/// Short models with the front ends of whole ones.
const SIZE: Size = Size::Small;

/// One front end with one length of sound.
#[derive(Serialize)]
struct Line {
    browser: &'static str,
    platform: &'static str,
    model: &'static str,
    seconds: u32,
    /// `cpu` or `compute shaders`.
    front_end: &'static str,
    /// Milliseconds until the features are where the model reads them, run by run.
    samples_ms: Vec<f64>,
    /// Milliseconds of one of many calls in a row, where samples are on the GPU already.
    call_ms: Option<f64>,
    /// Why there are none.
    remark: String,
}

/// Times front ends in every browser that was named and prints a line for each.
pub(crate) async fn run(global: &Global, args: &SoundArgs) -> Result<ExitCode, Error> {
    check_budget(args.budget)?;
    let browsers: Vec<BrowserId> = words(&args.browser)?;
    let models: Vec<Family> = words(&args.model)?;
    if let Some(deaf) = models.iter().find(|model| !HEAR.contains(model)) {
        return Err(Error::usage(format!("{} hears nothing", deaf.name())).note("allowed: whisper, wav2vec2, clap"));
    }
    if args.seconds.iter().any(|seconds| !(1..=600).contains(seconds)) {
        return Err(Error::usage("`--seconds` must be 1 to 600"));
    }
    let server = Server::start(0).await?;
    let mut lines = Vec::new();
    for browser in browsers {
        let started = Launcher::default().start(browser).await;
        let mut session = started.map_err(|error| Error::environment(error.to_string()))?;
        let here = match Page::open(session.as_mut(), &server).await {
            Ok(mut page) => in_browser(&mut page, browser, &models, args, global).await,
            Err(why) => Err(Error::environment(why)),
        };
        session.close().await;
        lines.extend(here?);
    }
    if args.json {
        print(&serde_json::to_string_pretty(&lines).map_err(|error| Error::internal(error.to_string()))?);
    } else {
        print(&table(&lines));
    }
    Ok(if lines.iter().any(|line| !line.samples_ms.is_empty()) { ExitCode::Ok } else { ExitCode::NothingToRun })
}

const HEAR: [Family; 3] = [Family::Whisper, Family::Wav2vec2, Family::Clap];

async fn in_browser(
    page: &mut Page,
    browser: BrowserId,
    models: &[Family],
    args: &SoundArgs,
    global: &Global,
) -> Result<Vec<Line>, Error> {
    let native = browser == BrowserId::Native;
    let [cpu, gpu] =
        if native { [Platform::NativeCpu, Platform::NativeGpu] } else { [Platform::Wasm, Platform::Webgpu] };
    let mut lines = Vec::new();
    for &family in models {
        let extractor = ModelFolder::preset(family, SIZE).extractor()?;
        let rate = extractor.ok_or_else(|| Error::internal("an audio model without a front end"))?.sampling_rate();
        for (platform, compute_shaders) in [(cpu, false), (gpu, false), (gpu, true)] {
            if !global.quiet {
                eprintln!("{} {} {}", browser.name(), platform.name(), family.name());
            }
            let options = Options { compute_shaders, ..Options::default() };
            let model = ModelSource::Synthetic { family, size: SIZE, seed: 0 };
            let load = Step::Load { slot: SLOT.into(), platform, model, options, work: Vec::new() };
            let loaded = page.ask(load).await.map_err(Error::environment)?;
            for &seconds in &args.seconds {
                let mut line = Line {
                    browser: browser.name(),
                    platform: platform.name(),
                    model: family.name(),
                    seconds,
                    front_end: if compute_shaders { "compute shaders" } else { "cpu" },
                    samples_ms: Vec::new(),
                    call_ms: None,
                    remark: String::new(),
                };
                match &loaded {
                    Outcome::Loaded { .. } => {
                        (line.samples_ms, line.call_ms) = times(page, rate, seconds, args.budget).await?;
                    }
                    Outcome::Failed { kind: FailureKind::Unsupported, message } => line.remark.clone_from(message),
                    other => return Err(Error::environment(format!("{}: {other:?}", family.name()))),
                }
                lines.push(line);
            }
        }
    }
    Ok(lines)
}

/// Milliseconds of one front end after another, without the first, which makes things ready; and those of a call.
async fn times(page: &mut Page, rate: u32, seconds: u32, budget_ms: f64) -> Result<(Vec<f64>, Option<f64>), Error> {
    let sound = made_up(rate, seconds);
    let inputs = Tensors::from([(SAMPLES.to_owned(), Tensor::f32(&[1, sound.len()], sound))]);
    let (mut samples, mut call) = (Vec::new(), None);
    // What takes longer than the budget was done once, and is done once more.
    while samples.len() < 2 {
        let step = Step::Hear { slot: SLOT.into(), inputs: inputs.clone(), budget_ms };
        match page.ask(step).await.map_err(Error::environment)? {
            Outcome::Inferred { measures, .. } => {
                let (calls, times): (Vec<_>, _) =
                    measures.into_iter().partition(|measure| measure.metric == "front_end_call");
                samples.extend(times.into_iter().map(|measure: Measure| measure.value));
                call = calls.first().map(|measure| measure.value);
            }
            other => return Err(Error::environment(format!("the front end failed: {other:?}"))),
        }
    }
    samples.remove(0);
    Ok((samples, call))
}

fn table(lines: &[Line]) -> String {
    let mut table = super::table([
        "browser",
        "platform",
        "model",
        "seconds",
        "front end",
        "runs",
        "median ms",
        "least ms",
        "call ms",
    ]);
    for line in lines {
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let runs = if line.remark.is_empty() { line.samples_ms.len().to_string() } else { line.remark.clone() };
        table.add_row([
            line.browser.to_owned(),
            line.platform.to_owned(),
            line.model.to_owned(),
            line.seconds.to_string(),
            line.front_end.to_owned(),
            runs,
            shown(median(&mut line.samples_ms.clone())),
            shown(line.samples_ms.iter().copied().reduce(f64::min)),
            shown(line.call_ms),
        ]);
    }
    format!(
        "{table}\nmilliseconds until the features are where the model reads them; a call is one of many in a row, with samples that \
         are on the GPU already"
    )
}
