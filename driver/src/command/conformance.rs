//! `matrix conformance`: reference cases against the engine, in any browser.

use std::path::Path;
use std::time::Duration;

use matrix_engine::conformance::{Case, Row, compare, merge};
use matrix_engine::protocol::{FailureKind, ModelSource, Options, Outcome, Platform, Step};
use serde::Serialize;

use super::{print, words};
use crate::browser::BrowserId;
use crate::cli::{ConformanceArgs, Global};
use crate::error::{Error, ExitCode};
use crate::page::Server;
use crate::plan::Network;
use crate::session::{Address, LaunchSettings, Launcher, Session, Sessions as _};

/// One step of a case may take this long.
const PATIENCE: Duration = Duration::from_secs(120);
const SLOT: &str = "case";

/// One line of the result: a case on a platform of a browser.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) case: String,
    pub(crate) browser: String,
    pub(crate) platform: String,
    pub(crate) outputs: usize,
    pub(crate) max_abs: f64,
    pub(crate) max_rel: f64,
    /// `pass`, `fail`, `unsupported`, `unavailable`.
    pub(crate) status: &'static str,
    /// What is wrong, or the output that is nearest to its bound.
    pub(crate) remark: String,
}

/// Runs every case everywhere and prints a line for each.
pub(crate) async fn run(global: &Global, args: &ConformanceArgs) -> Result<ExitCode, Error> {
    let browsers: Vec<BrowserId> = words(&args.browser)?;
    let platforms: Vec<Platform> = words(&args.platform)?;
    let mut cases = Vec::new();
    for folder in &args.cases {
        let case = Case::read(folder).await;
        cases.push((folder.as_path(), case.map_err(|error| Error::usage(error.to_string()))?));
    }
    let mut lines = Vec::new();
    for browser in browsers {
        let wanted: Vec<Platform> =
            platforms_of(browser).filter(|p| platforms.is_empty() || platforms.contains(p)).collect();
        lines.extend(in_browser(browser, &wanted, &cases, LaunchSettings { headed: args.headed }).await?);
    }
    if lines.is_empty() {
        return Err(Error::nothing_to_run("no browser that was named has a platform that was named"));
    }
    if args.json {
        print(&serde_json::to_string_pretty(&lines).map_err(|error| Error::internal(error.to_string()))?);
    } else if !global.quiet {
        print(&table(&lines));
    }
    let failed = lines.iter().any(|line| line.status == "fail");
    let compared = lines.iter().any(|line| line.status == "pass");
    Ok(if failed {
        ExitCode::Failed
    } else if compared {
        ExitCode::Ok
    } else {
        ExitCode::Environment
    })
}

fn platforms_of(browser: BrowserId) -> impl Iterator<Item = Platform> {
    let native = browser == BrowserId::Native;
    Platform::ALL
        .into_iter()
        .filter(move |platform| matches!(platform, Platform::NativeCpu | Platform::NativeGpu) == native)
}

/// Runs cases in one browser: a session for all, a fresh page for each.
pub(crate) async fn in_browser(
    browser: BrowserId,
    platforms: &[Platform],
    cases: &[(&Path, Case)],
    settings: LaunchSettings,
) -> Result<Vec<Line>, Error> {
    let server = Server::start(0).await?;
    let mut lines = Vec::new();
    let launcher = Launcher { settings };
    let mut session = match launcher.start(browser).await {
        Ok(session) => session,
        Err(error) => {
            let line = |(folder, _): &(&Path, Case), platform| {
                Line::without(folder, browser, platform, "unavailable", error.to_string())
            };
            return Ok(platforms.iter().flat_map(|p| cases.iter().map(|case| line(case, *p))).collect());
        }
    };
    for &platform in platforms {
        for (folder, case) in cases {
            lines.push(one(session.as_mut(), &server, browser, platform, folder, case).await?);
        }
    }
    session.close().await;
    Ok(lines)
}

async fn one(
    session: &mut dyn Session,
    server: &Server,
    browser: BrowserId,
    platform: Platform,
    folder: &Path,
    case: &Case,
) -> Result<Line, Error> {
    let trouble = |error: &dyn std::fmt::Display| Line::without(folder, browser, platform, "fail", error.to_string());
    let mut link = server.link(PATIENCE)?;
    if let Err(error) = session.open(&Address::of(server, &link)).await {
        return Ok(trouble(&error));
    }
    if let Err(error) = link.hello(PATIENCE).await {
        return Ok(trouble(&error));
    }
    let at = match platform {
        Platform::Webgpu | Platform::Wasm => server.serve_folder(folder, Network::default(), false)?,
        Platform::NativeGpu | Platform::NativeCpu => folder.to_string_lossy().into_owned(),
    };
    let load = Step::Load {
        slot: SLOT.into(),
        platform,
        model: ModelSource::Folder { at },
        // Beside its numbers it is checked that all its shaders are known beforehand.
        options: Options { shader_precompile: platform.is_gpu(), ..Options::default() },
        work: case.runs.iter().flat_map(|run| run.steps(SLOT)).filter_map(|step| step.work()).collect(),
    };
    match link.perform(load, PATIENCE).await {
        Ok(Outcome::Loaded { .. }) => {}
        Ok(Outcome::Failed { kind: FailureKind::Unsupported, message }) => {
            return Ok(Line::without(folder, browser, platform, "unsupported", message));
        }
        Ok(Outcome::Failed { message, .. }) => return Ok(trouble(&message)),
        Ok(_) => return Ok(trouble(&"the page's answer to 'load' is not one")),
        Err(error) => return Ok(trouble(&error)),
    }
    let mut rows = Vec::new();
    for run in &case.runs {
        let mut outcomes = Vec::new();
        for step in run.steps(SLOT) {
            match link.perform(step, PATIENCE).await {
                Ok(outcome) => {
                    let misses = outcome.measure("shader_misses").unwrap_or(0.0);
                    if misses > 0.0 {
                        let missed = format!("run {}: {misses} shaders were not precompiled", run.name);
                        return Ok(trouble(&missed));
                    }
                    outcomes.push(outcome);
                }
                Err(error) => return Ok(trouble(&format!("run {}: {error}", run.name))),
            }
        }
        match merge(outcomes).and_then(|got| compare(run, &got, platform)) {
            Ok(compared) => rows.extend(compared),
            Err(error) => return Ok(trouble(&format!("run {}: {error}", run.name))),
        }
    }
    Ok(Line::from_rows(folder, browser, platform, &rows))
}

impl Line {
    fn without(folder: &Path, browser: BrowserId, platform: Platform, status: &'static str, remark: String) -> Self {
        Self {
            case: folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned(),
            browser: browser.name().into(),
            platform: platform.name().into(),
            outputs: 0,
            max_abs: f64::NAN,
            max_rel: f64::NAN,
            status,
            remark,
        }
    }

    fn from_rows(folder: &Path, browser: BrowserId, platform: Platform, rows: &[Row]) -> Self {
        let worst = rows.iter().max_by(|a, b| (a.max_abs / a.bound).total_cmp(&(b.max_abs / b.bound)));
        let most = |value: fn(&Row) -> f64| rows.iter().map(value).fold(0.0, f64::max);
        Self {
            outputs: rows.len(),
            max_abs: most(|row| row.max_abs),
            max_rel: most(|row| row.max_rel),
            status: if rows.iter().all(|row| row.ok) && !rows.is_empty() { "pass" } else { "fail" },
            ..Self::without(folder, browser, platform, "", worst.map(nearest).unwrap_or_default())
        }
    }
}

fn nearest(row: &Row) -> String {
    format!("{}: {:.1e} of {:.1e} allowed", row.output, row.max_abs, row.bound)
}

fn table(lines: &[Line]) -> String {
    let mut table = super::table([
        "case",
        "browser",
        "platform",
        "outputs",
        "max abs",
        "max rel",
        "status",
        "nearest to its bound",
    ]);
    for line in lines {
        let number = |value: f64| if value.is_nan() { "–".to_owned() } else { format!("{value:.2e}") };
        table.add_row([
            line.case.clone(),
            line.browser.clone(),
            line.platform.clone(),
            line.outputs.to_string(),
            number(line.max_abs),
            number(line.max_rel),
            line.status.to_owned(),
            line.remark.clone(),
        ]);
    }
    table.to_string()
}
