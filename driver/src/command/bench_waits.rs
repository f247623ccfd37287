//! `matrix bench waits`: how long answers of a GPU take to arrive.

use matrix_engine::protocol::{DeviceInfo, Measure, Outcome, Platform, Step};
use serde::Serialize;

use super::ask::Page;
use super::bench::{check_budget, named};
use super::{print, words};
use crate::browser::BrowserId;
use crate::cli::{Global, WaitsArgs};
use crate::error::{Error, ExitCode};
use crate::measure::median;
use crate::page::Server;
use crate::session::{Launcher, Session, Sessions as _};

/// What was found in one browser.
#[derive(Serialize)]
struct Found {
    browser: &'static str,
    browser_version: String,
    device: DeviceInfo,
    measures: Vec<Measure>,
}

/// Times waits in every browser that was named and prints a line for each.
pub(crate) async fn run(global: &Global, args: &WaitsArgs) -> Result<ExitCode, Error> {
    check_budget(args.budget)?;
    let browsers: Vec<BrowserId> = words(&args.browser)?;
    let server = Server::start(0).await?;
    let mut found = Vec::new();
    for browser in browsers {
        let started = Launcher::default().start(browser).await;
        let mut session = started.map_err(|error| Error::environment(error.to_string()))?;
        let here = measure(session.as_mut(), &server, browser, args.budget).await;
        session.close().await;
        match here {
            Ok(here) => found.push(here),
            Err(why) if !global.quiet => eprintln!("{}: {why}", browser.title()),
            Err(_) => {}
        }
    }
    if args.json {
        print(&serde_json::to_string_pretty(&found).map_err(|error| Error::internal(error.to_string()))?);
    } else if !found.is_empty() {
        print(&table(&found));
    }
    Ok(if found.is_empty() { ExitCode::Environment } else { ExitCode::Ok })
}

async fn measure(
    session: &mut dyn Session,
    server: &Server,
    browser: BrowserId,
    budget_ms: f64,
) -> Result<Found, String> {
    let browser_version = session.facts().browser_version.clone();
    let platform = if browser == BrowserId::Native { Platform::NativeGpu } else { Platform::Webgpu };
    let mut page = Page::open(session, server).await?;
    let device = match page.ask(Step::Probe { platform }).await? {
        Outcome::Probed { device } => device,
        Outcome::Failed { message, .. } => return Err(message),
        _ => return Err("the page gave no answer to the question".into()),
    };
    match page.ask(Step::Wait { platform, budget_ms }).await? {
        Outcome::Waited { measures } => Ok(Found { browser: browser.name(), browser_version, device, measures }),
        Outcome::Failed { message, .. } => Err(message),
        _ => Err("the page gave no answer to the question".into()),
    }
}

fn table(found: &[Found]) -> String {
    let mut table = super::table([
        "browser",
        "device",
        "waits",
        "submit ms",
        "longest",
        "read ms",
        "longest",
        "long wait ms",
        "longest gap of the page ms",
    ]);
    for here in found {
        let of = |metric: &str| -> Vec<f64> {
            let values = here.measures.iter().filter(|measure| measure.metric == metric);
            values.map(|measure| measure.value).collect()
        };
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let both = |metric: &str| {
            let mut values = of(metric);
            [shown(values.iter().copied().reduce(f64::max)), shown(median(&mut values))]
        };
        let ([submit_most, submit], [read_most, read]) = (both("submit_wait"), both("read_wait"));
        table.add_row([
            format!("{} {}", here.browser, here.browser_version),
            named(&here.device),
            of("submit_wait").len().to_string(),
            submit,
            submit_most,
            read,
            read_most,
            shown(of("long_wait").first().copied()),
            shown(of("longest_gap").first().copied()),
        ]);
    }
    table.to_string()
}
