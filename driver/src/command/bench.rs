//! `matrix bench`: kernels by themselves, in a browser or without one.

use matrix_engine::protocol::{BenchAttention, BenchForm, BenchWork, DeviceInfo, FailureKind, Outcome, Platform, Step};
use serde::Serialize;

use super::{ask::Page, print};
use crate::bench::{COPY, Case, Line, cases};
use crate::browser::BrowserId;
use crate::cli::{BenchAction, BenchArgs, Global};
use crate::error::{Error, ExitCode};
use crate::page::Server;
use crate::printable::printable;
use crate::session::{Launcher, Sessions as _};
use crate::spec::word;

/// Everything found on one device.
#[derive(Serialize)]
struct Found {
    browser: &'static str,
    browser_version: String,
    platform: &'static str,
    device: DeviceInfo,
    lines: Vec<Line>,
}

/// Times kernels and prints what they reach.
pub(crate) async fn run(global: &Global, args: &BenchArgs) -> Result<ExitCode, Error> {
    let args = match &args.action {
        BenchAction::Kernels(args) => args,
        BenchAction::Sound(args) => return super::bench_sound::run(global, args).await,
        BenchAction::Waits(args) => return super::bench_waits::run(global, args).await,
    };
    let browser: BrowserId = word(&args.browser)?;
    let usual = if browser == BrowserId::Native { Platform::NativeGpu } else { Platform::Webgpu };
    let platform: Platform = args.platform.as_deref().map_or(Ok(usual), word)?;
    let native = matches!(platform, Platform::NativeGpu | Platform::NativeCpu);
    if native != (browser == BrowserId::Native) {
        return Err(Error::usage(format!("{} has no platform {}", browser.title(), platform.name()))
            .hint("native-gpu and native-cpu belong to `--browser native`, webgpu and wasm to the others"));
    }
    check_budget(args.budget)?;
    let server = Server::start(0).await?;
    let mut session =
        Launcher::default().start(browser).await.map_err(|error| Error::environment(error.to_string()))?;
    let version = session.facts().browser_version.clone();
    let found = match Page::open(session.as_mut(), &server).await {
        Ok(mut page) => measure(&mut page, browser, version, platform, args, global).await,
        Err(error) => Err(Error::environment(error)),
    };
    session.close().await;
    let found = found?;
    if args.json {
        print(&serde_json::to_string_pretty(&found).map_err(|error| Error::internal(error.to_string()))?);
    } else {
        print(&table(&found));
    }
    let timed = found.lines.iter().any(|line| line.us.is_some());
    Ok(match (timed, found.lines.iter().any(Line::is_wrong)) {
        (_, true) => ExitCode::Failed,
        (false, _) => ExitCode::NothingToRun,
        (true, false) => ExitCode::Ok,
    })
}

/// Refuses a time that nothing can be timed in.
pub(crate) fn check_budget(budget_ms: f64) -> Result<(), Error> {
    if budget_ms.is_finite() && budget_ms > 0.0 && budget_ms <= 60_000.0 {
        return Ok(());
    }
    Err(Error::usage("`--budget` must be a number of milliseconds above 0, at most 60000"))
}

/// What a device calls itself, and whether it is a chip of its own.
pub(crate) fn named(device: &DeviceInfo) -> String {
    let words = [&device.vendor, &device.architecture, &device.description];
    let words: Vec<_> = words.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
    let kind = if device.software { "software" } else { "hardware" };
    printable(&format!("{} ({kind})", words.join(" "))).into_owned()
}

async fn measure(
    page: &mut Page,
    browser: BrowserId,
    browser_version: String,
    platform: Platform,
    args: &crate::cli::KernelsArgs,
    global: &Global,
) -> Result<Found, Error> {
    let device = match page.ask(Step::Probe { platform }).await {
        Ok(Outcome::Probed { device }) => device,
        Ok(Outcome::Failed { message, .. }) | Err(message) => return Err(Error::environment(message)),
        Ok(_) => return Err(Error::internal("the page gave no answer to the question")),
    };
    let wanted = |case: &Case| {
        // The copy is what everything else is compared with.
        case.name == COPY || args.filter.iter().all(|word| case.name.contains(word.as_str()))
    };
    let gpu = platform.is_gpu();
    let chosen: Vec<_> = cases(args.small || device.software || !gpu, gpu).into_iter().filter(wanted).collect();
    let mut copy = None;
    let mut lines: Vec<Line> = Vec::new();
    for case in chosen {
        let work = match case.work {
            BenchWork::Linear { rows, outputs, inputs, weights, form } => {
                let form = BenchForm { hardware: args.as_hardware, ..form };
                BenchWork::Linear { rows, outputs, inputs, weights, form }
            }
            BenchWork::Attention(work) => {
                let form = BenchForm { hardware: args.as_hardware, ..work.form };
                BenchWork::Attention(BenchAttention { form, ..work })
            }
            copy @ BenchWork::Copy { .. } => copy,
        };
        let line = match page.ask(Step::Bench { platform, work, budget_ms: args.budget }).await {
            Ok(Outcome::Benched { bench }) => Line::new(&case.name, case.work, bench, copy),
            Ok(Outcome::Failed { kind: FailureKind::Unsupported | FailureKind::OutOfMemory, message }) => {
                Line::without(&case.name, printable(&message).into_owned())
            }
            Ok(Outcome::Failed { message, .. }) | Err(message) => {
                return Err(Error::environment(format!("{}: {message}", case.name)));
            }
            Ok(_) => return Err(Error::internal("the page gave no answer to the question")),
        };
        if !global.quiet {
            let [name, us, ..] = line.cells();
            eprintln!("{name}: {us}{}", if line.us.is_some() { " µs" } else { "" });
        }
        if case.name == COPY {
            copy = line.us.map(|_| line.gb_per_s * 1e3);
        }
        // A device that lacks what a form may use runs the kernels of a form that may use less: one line for
        // both, under the name of what ran.
        match lines.iter_mut().find(|other| is_same(other, &line, &case)) {
            Some(other) => other.case = line.case,
            None => lines.push(line),
        }
    }
    Ok(Found { browser: browser.name(), browser_version, platform: platform.name(), device, lines })
}

/// Whether two forms of one case came to the same kernels.
fn is_same(other: &Line, line: &Line, case: &Case) -> bool {
    if matches!(case.work, BenchWork::Copy { .. }) {
        return false;
    }
    let stem = |name: &str| name.rsplit_once(' ').map(|(stem, _)| stem.to_owned());
    line.us.is_some() && stem(&other.case) == stem(&line.case) && other.kernels == line.kernels
}

fn table(found: &Found) -> String {
    let clock = found.lines.iter().find(|line| !line.clock.is_empty()).map_or("no", |line| line.clock.as_str());
    let mut table = super::table(["kernel", "µs", "predicted µs", "GB/s", "of copy", "TFLOP/s", "error"]);
    for line in &found.lines {
        table.add_row(line.cells());
    }
    let device = named(&found.device);
    format!(
        "{} {} · {} · {device}\n{table}\nmedians, {clock} time; predicted: bytes of the weight at the copy's bandwidth",
        found.browser, found.browser_version, found.platform
    )
}
