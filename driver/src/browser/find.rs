//! Which browsers are on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::id::BrowserId;
use super::install;
use super::product::{Kind, PRODUCTS, Product, System};

/// A browser that can be started.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is.
    pub product: &'static Product,
    /// Its program.
    pub binary: PathBuf,
    /// Its version, where it can be asked without starting it.
    pub version: Option<String>,
    /// Its WebDriver server.
    pub driver: PathBuf,
    /// The server's version.
    pub driver_version: Option<String>,
}

/// What of a browser can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The browser; it does not exist on this system.
    System,
    /// The browser.
    Browser,
    /// Only its driver.
    Driver,
}

/// Why a browser can't be started, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub part: Part,
    /// One sentence.
    pub reason: String,
    /// What to install or to switch on; empty where nothing helps on this system.
    pub remedy: String,
}

/// Looks for one browser. `MATRIX_CHROME_BINARY` and `MATRIX_CHROME_DRIVER` (likewise for the other
/// browsers) name programs in unusual places.
///
/// # Errors
/// [`Missing`] when browser or driver is not there.
pub async fn find(id: BrowserId) -> Result<Found, Missing> {
    let system = System::current();
    let products: Vec<_> = PRODUCTS.iter().filter(|product| product.id == id && product.system == system).collect();
    if products.is_empty() {
        let systems = match id {
            BrowserId::Safari => "macOS",
            _ => "other systems",
        };
        let reason = format!("{} exists on {systems} only", id.title());
        return Err(Missing { part: Part::System, reason, remedy: String::new() });
    }
    let mut names = Vec::new();
    for &product in &products {
        names.push(product.name);
        let Some(binary) = override_of(id, "BINARY").or_else(|| locate(product.binaries)) else { continue };
        let Some(driver) = override_of(id, "DRIVER").or_else(|| locate(product.drivers)) else {
            let reason = format!("{} is installed, its driver {} is not", product.name, product.drivers[0]);
            return Err(Missing { part: Part::Driver, reason, remedy: install::remedy(id) });
        };
        let said = if asks_version(product.kind) { ask_version(&binary).await } else { None };
        let driver_said = if product.kind == Kind::WebKitGtk { None } else { ask_version(&driver).await };
        return Ok(Found {
            product: said.as_deref().and_then(|said| called(&products, said)).unwrap_or(product),
            version: said.as_deref().and_then(first_version),
            driver_version: driver_said.as_deref().and_then(first_version),
            binary,
            driver,
        });
    }
    let reason = format!("{} is not installed", names.join(" or "));
    Err(Missing { part: Part::Browser, reason, remedy: install::remedy(id) })
}

/// Extra arguments from `MATRIX_CHROME_ARGS` and the like, split at white space.
#[must_use]
pub fn extra_arguments(id: BrowserId) -> Vec<String> {
    let given = std::env::var(variable(id, "ARGS")).unwrap_or_default();
    given.split_whitespace().map(str::to_owned).collect()
}

fn variable(id: BrowserId, what: &str) -> String {
    format!("MATRIX_{}_{what}", id.name().to_uppercase())
}

fn override_of(id: BrowserId, what: &str) -> Option<PathBuf> {
    std::env::var_os(variable(id, what)).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn locate(places: &[&str]) -> Option<PathBuf> {
    places.iter().find_map(|place| {
        let path = Path::new(place);
        if path.is_absolute() { path.exists().then(|| path.to_path_buf()) } else { which::which(place).ok() }
    })
}

/// Programs that open a window when asked for their version are not asked.
fn asks_version(kind: Kind) -> bool {
    !cfg!(windows) && matches!(kind, Kind::Chrome | Kind::Edge | Kind::Firefox)
}

/// What a program says when it is asked for its version.
async fn ask_version(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").kill_on_drop(true);
    let output = timeout(Duration::from_secs(20), command.output()).await.ok()?.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The product that calls itself so: a program in an unusual place may be a stand-in.
fn called(products: &[&'static Product], said: &str) -> Option<&'static Product> {
    products.iter().copied().find(|product| said.split_whitespace().any(|word| word == product.name))
}

/// The first number with a dot.
fn first_version(text: &str) -> Option<String> {
    let is_version = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    text.split_whitespace().map(|word| word.trim_matches(['(', ')', ','])).find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_what_it_calls_itself() {
        let chromes: Vec<&Product> =
            PRODUCTS.iter().filter(|p| p.id == BrowserId::Chrome && p.system == System::Linux).collect();
        let name = |said| called(&chromes, said).map(|product| product.name);
        assert_eq!(name("Chromium 156.0.8078.79 built on Debian"), Some("Chromium"));
        assert_eq!(name("Google Chrome 156.0.8078.79"), Some("Chrome"));
        assert_eq!(name("Vivaldi 7.1"), None);
    }

    #[test]
    fn versions_are_found_in_what_programs_print() {
        let texts = [
            ("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)", Some("156.0.8078.79")),
            ("Mozilla Firefox 153.7.0esr", Some("153.7.0esr")),
            ("geckodriver 0.37.1 (a0 2026-01-01)\n\nThe source code …", Some("0.37.1")),
            ("Included with Safari 27.2 (21624.2.5)", Some("27.2")),
            ("Usage: WebKitWebDriver options", None),
        ];
        for (text, version) in texts {
            assert_eq!(first_version(text).as_deref(), version, "{text}");
        }
    }
}
