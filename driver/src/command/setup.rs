//! `matrix setup`: brings the browsers and the published weights that are missing.

use std::io::IsTerminal as _;

use tokio::process::Command as Process;

use super::{print, real_browsers, words};
use crate::browser::{self, BrowserId, Command, Installer, PRODUCTS, Part, System, geckodriver_command, has_pip};
use crate::cli::SetupArgs;
use crate::error::{Error, ExitCode};
use crate::weights::{NAMED, fetch, folder_of};

/// Prints what it will run, asks, runs it.
pub(crate) async fn run(args: &SetupArgs) -> Result<ExitCode, Error> {
    let browsers = if args.browser.is_empty() { real_browsers().collect() } else { words(&args.browser)? };
    if args.dry_run {
        let commands = missing_commands(&browsers).await?;
        print(&commands.iter().map(|command| format!("{command}\n")).collect::<String>());
        return Ok(ExitCode::Ok);
    }
    install(&browsers, args.yes).await?;
    for named in NAMED.iter().filter(|named| folder_of(named).is_none()) {
        eprintln!("fetching {named}");
        fetch(named).await?;
    }
    for id in browsers {
        match browser::find(id).await {
            Ok(found) => print(&format!("{}: {} {}", id.name(), found.product.name, found.version.unwrap_or_default())),
            Err(missing) => print(&format!("{}: {}", id.name(), missing.reason)),
        }
    }
    Ok(ExitCode::Ok)
}

/// Installs what is missing of `browsers`; asks first, unless `agreed`.
pub(crate) async fn install(browsers: &[BrowserId], agreed: bool) -> Result<(), Error> {
    let commands = missing_commands(browsers).await?;
    for command in &commands {
        eprintln!("will run: {command}");
    }
    if commands.is_empty() || !(agreed || asked()?) {
        return Ok(());
    }
    for command in &commands {
        execute(command).await?;
    }
    // Whether a driver is still missing is known only now: some packages of browsers bring theirs.
    if browsers.contains(&BrowserId::Firefox) && needs_geckodriver().await {
        let command = geckodriver_command();
        eprintln!("will run: {command} (takes a few minutes)");
        execute(&command).await?;
    }
    Ok(())
}

/// The commands for what is missing. A driver that has to be built comes last.
async fn missing_commands(browsers: &[BrowserId]) -> Result<Vec<Command>, Error> {
    let mut missing = Vec::new();
    for &id in browsers {
        let is_offered = PRODUCTS.iter().any(|product| product.id == id && product.system == System::current());
        let needs_display =
            id == BrowserId::Safari && System::current() == System::Linux && which::which("Xvfb").is_err();
        if is_offered && (needs_display || !(has_browser(id).await)) {
            missing.push(id);
        }
    }
    let pip = !has_pip();
    let mut commands = match Installer::here() {
        Some(installer) => installer.commands(&missing, pip),
        None if missing.is_empty() && !pip => Vec::new(),
        None => {
            let names: Vec<&str> = missing.iter().map(|id| id.title()).collect();
            return Err(Error::environment("this system's package manager is not known").hint(format!(
                "install {} and their WebDriver servers by hand; see: matrix doctor",
                names.join(", ")
            )));
        }
    };
    if browsers.contains(&BrowserId::Firefox) && !missing.contains(&BrowserId::Firefox) && needs_geckodriver().await {
        commands.push(geckodriver_command());
    }
    Ok(commands)
}

/// Whether the browser itself is there, with its driver or without one that has to be built.
async fn has_browser(id: BrowserId) -> bool {
    match browser::find(id).await {
        Ok(_) => true,
        Err(missing) => id == BrowserId::Firefox && missing.part == Part::Driver,
    }
}

async fn needs_geckodriver() -> bool {
    matches!(browser::find(BrowserId::Firefox).await, Err(missing) if missing.part == Part::Driver)
}

fn asked() -> Result<bool, Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::usage("nothing was installed: nobody is there to agree").hint("add --yes to agree"));
    }
    eprint!("run these commands? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Error::environment(error.to_string()))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

async fn execute(command: &Command) -> Result<(), Error> {
    let mut process = Process::new(&command.program);
    // Package managers must not stop to ask; what they print is for people, not results.
    process.args(&command.arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    let status = process.status().await;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::environment(format!("`{command}` failed: {status}"))),
        Err(error) => Err(Error::environment(format!("`{command}` can't be run")).because(error)),
    }
}
