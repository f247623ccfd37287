//! `matrix doctor`: what is here, what it can do, what is missing.

use matrix_engine::protocol::{CompiledKernel, DeviceInfo, Outcome, Platform, Step};
use serde::Serialize;

use super::ask::Page;
use super::{print, real_browsers};
use crate::browser::{self, BrowserId, has_pip};
use crate::cli::DoctorArgs;
use crate::error::{Error, ExitCode};
use crate::machine::Machine;
use crate::page::Server;
use crate::printable::printable;

use crate::session::{Launcher, Session, Sessions as _};
use crate::weights::{NAMED, folder_of};

/// What is known of one browser.
#[derive(Debug, Default, Serialize)]
struct Finding {
    browser: String,
    found: bool,
    product: String,
    stand_in: bool,
    version: String,
    driver: String,
    webgpu: String,
    session_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernels: Option<Kernels>,
    remedy: String,
}

/// What a browser made of the engine's kernels.
#[derive(Debug, Serialize)]
struct Kernels {
    compiled: usize,
    ms: f64,
    rejected: Vec<CompiledKernel>,
}

/// Looks at every browser and prints what it finds.
pub(crate) async fn run(args: &DoctorArgs) -> Result<ExitCode, Error> {
    let server = Server::start(0).await?;
    let mut findings = Vec::new();
    let browsers = match args.browser.as_slice() {
        [] => real_browsers().collect(),
        words => super::words(words)?,
    };
    for id in browsers {
        findings.push(examine(id, &server, args).await);
    }
    if args.json {
        print(&serde_json::to_string_pretty(&findings).map_err(|error| Error::internal(error.to_string()))?);
    } else {
        print(&table(&findings));
    }
    let usable = findings.iter().any(|finding| finding.found);
    let rejects =
        findings.iter().filter_map(|finding| finding.kernels.as_ref()).any(|found| !found.rejected.is_empty());
    Ok(match (usable, rejects) {
        (false, _) => ExitCode::Environment,
        (true, true) => ExitCode::Failed,
        (true, false) => ExitCode::Ok,
    })
}

async fn examine(id: BrowserId, server: &Server, args: &DoctorArgs) -> Finding {
    let browser = id.name().to_owned();
    let found = match browser::find(id).await {
        Ok(found) => found,
        Err(missing) => {
            return Finding { browser, product: missing.reason, remedy: missing.remedy, ..Finding::default() };
        }
    };
    let driver = found.driver.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut finding = Finding {
        browser,
        found: true,
        product: found.product.name.into(),
        stand_in: found.product.stand_in,
        version: found.version.unwrap_or_default(),
        driver: format!("{driver} {}", found.driver_version.unwrap_or_default()).trim().to_owned(),
        ..Finding::default()
    };
    if !args.no_start {
        match Launcher::default().start(id).await {
            Ok(mut session) => {
                finding.version.clone_from(&session.facts().browser_version);
                finding.session_ms = Some(session.facts().session_ms);
                finding.webgpu = adapter(session.as_mut(), server).await;
                if args.kernels {
                    finding.kernels = kernels(session.as_mut(), server).await;
                }
                session.close().await;
            }
            Err(error) => finding.remedy = format!("does not start: {error}"),
        }
    }
    finding
}

/// The WebGPU adapter a page of the session gets, in words.
async fn adapter(session: &mut dyn Session, server: &Server) -> String {
    match ask(session, server, Step::Probe { platform: Platform::Webgpu }).await {
        Ok(Outcome::Probed { device }) => describe(&device),
        Ok(Outcome::Failed { message, .. }) => format!("none: {message}"),
        Ok(_) => "none: the page gave no answer to the question".into(),
        Err(error) => format!("unknown: {error}"),
    }
}

/// What becomes of every kernel; nothing where there is no WebGPU.
async fn kernels(session: &mut dyn Session, server: &Server) -> Option<Kernels> {
    match ask(session, server, Step::Compile { platform: Platform::Webgpu }).await {
        Ok(Outcome::Compiled { kernels }) => {
            let (compiled, ms) = (kernels.len(), kernels.iter().map(|kernel| kernel.ms).sum());
            let rejected: Vec<_> = kernels.into_iter().filter(|kernel| kernel.rejected.is_some()).collect();
            Some(Kernels { compiled: compiled - rejected.len(), ms, rejected })
        }
        _ => None,
    }
}

/// Asks a fresh page to do one thing.
async fn ask(session: &mut dyn Session, server: &Server, step: Step) -> Result<Outcome, String> {
    Page::open(session, server).await?.ask(step).await
}

fn describe(device: &DeviceInfo) -> String {
    let parts = [&device.vendor, &device.architecture, &device.description];
    let named: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let name = if named.is_empty() { "an adapter without a name".into() } else { named.join(" ") };
    let kind = if device.software { "software" } else { "hardware" };
    printable(&format!("{name} ({kind})")).into_owned()
}

fn table(findings: &[Finding]) -> String {
    let mut table = super::table(["browser", "found", "version", "driver", "WebGPU adapter", "to do"]);
    for finding in findings {
        let product =
            if finding.stand_in { format!("{} (stands in)", finding.product) } else { finding.product.clone() };
        let found = if finding.found { product } else { format!("no: {product}") };
        table.add_row([&finding.browser, &found, &finding.version, &finding.driver, &finding.webgpu, &finding.remedy]);
    }
    let kernels: String =
        findings.iter().filter_map(|finding| Some(told(&finding.browser, finding.kernels.as_ref()?))).collect();
    let machine = Machine::here();
    let weights = NAMED.iter().map(|named| match folder_of(named) {
        Some(folder) => format!("weights {}: {}\n", named.name, folder.display()),
        None => format!("weights {}: not here; run: matrix weights add {}\n", named.name, named.name),
    });
    let pip = if has_pip() { "" } else { "pip: not here, so published weights can't be fetched; run: matrix setup\n" };
    format!(
        "{table}\n{kernels}{}; {} × {}\n{}{pip}",
        machine.os,
        machine.cores,
        machine.cpu,
        weights.collect::<String>()
    )
}

/// What a browser made of the kernels, in lines.
fn told(browser: &str, found: &Kernels) -> String {
    let Kernels { compiled, ms, rejected } = found;
    let lines = rejected.iter().map(|kernel| {
        let why = kernel.rejected.as_deref().unwrap_or_default();
        format!("  {}: {}\n", kernel.name, printable(why))
    });
    let lines: String = lines.collect();
    format!("kernels in {browser}: {compiled} compiled in {ms:.0} ms, {} rejected\n{lines}", rejected.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_described_by_what_they_say() {
        let device = DeviceInfo {
            vendor: "google".into(),
            architecture: "swiftshader".into(),
            software: true,
            ..DeviceInfo::default()
        };
        assert_eq!(describe(&device), "google swiftshader (software)");
        let hostile = DeviceInfo { description: "a\u{1b}[2Jb".into(), ..DeviceInfo::default() };
        assert_eq!(describe(&hostile), "a[2Jb (hardware)");
        assert_eq!(describe(&DeviceInfo::default()), "an adapter without a name (hardware)");
    }
}
