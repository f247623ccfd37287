//! Where cells ran, and what must be said about it.

use serde::Serialize;

use crate::browser::{BrowserId, PRODUCTS};
use crate::printable::printable;
use crate::run::environment::Environment;

/// An environment, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnvironmentView {
    /// Its fingerprint.
    pub id: String,
    /// `Chromium 141.0.7390.54`.
    pub product: String,
    /// The version alone.
    pub version: String,
    /// Switches of its command line that turn features on.
    pub flags: Vec<String>,
    /// What stands in for what, when it does.
    pub stand_in: Option<String>,
    /// The device in one line.
    pub device: String,
    /// Whether a GPU is imitated by the CPU.
    pub software: bool,
    /// Facts, as name and value.
    pub facts: Vec<(String, String)>,
}

impl EnvironmentView {
    /// What to show of an environment.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let device = &environment.device;
        let product = format!("{} {}", environment.product, environment.browser_version);
        let product = printable(product.trim()).into_owned();
        let facts = [
            ("Browser", product.clone()),
            ("Driver", environment.driver.clone()),
            ("Device", describe(environment)),
            ("Vendor", device.vendor.clone()),
            ("Architecture", device.architecture.clone()),
            ("Features", device.features.join(", ")),
            (
                "Limits",
                device.limits.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", "),
            ),
            ("Cross-origin isolated", if environment.cross_origin_isolated { "yes" } else { "no" }.into()),
            ("Page", environment.visibility.clone()),
            ("Clock step", format!("{} ms", environment.clock_step_ms)),
            ("Operating system", environment.os.clone()),
            ("CPU", format!("{} ({} logical)", environment.cpu, environment.cores)),
            ("User agent", environment.user_agent.clone()),
            ("Command line", environment.command_line.join(" ")),
            ("Engine", environment.engine_hash.chars().take(12).collect()),
            ("Fingerprint", environment.id.clone()),
        ];
        let notes = environment.notes.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let facts = facts.into_iter().chain(notes).filter(|(_, value)| !value.is_empty());
        Self {
            id: printable(&environment.id).into_owned(),
            version: printable(&environment.browser_version).into_owned(),
            flags: switches(environment),
            stand_in: stand_in(environment).map(|text| printable(&text).into_owned()),
            device: printable(&describe(environment)).into_owned(),
            software: device.software && device.kind == "gpu",
            facts: facts.map(|(name, value)| (printable(name).into_owned(), printable(&value).into_owned())).collect(),
            product,
        }
    }
}

/// Words of the command line that switch features on, of which a page's abilities may depend.
fn switches(environment: &Environment) -> Vec<String> {
    let words = environment.command_line.iter().skip(1);
    let enabling = words.filter(|word| word.starts_with("--enable-") || word.starts_with("--use-"));
    enabling.map(|word| printable(word).into_owned()).collect()
}

/// `SwiftShader Device (software adapter)`, `CPU`, or that there was none.
fn describe(environment: &Environment) -> String {
    let device = &environment.device;
    if device.kind == "cpu" {
        return "CPU".into();
    }
    if device.kind.is_empty() {
        return "no device".into();
    }
    let named = [&device.description, &device.architecture, &device.vendor].into_iter().find(|name| !name.is_empty());
    let named = named.map_or("unnamed adapter", String::as_str);
    if device.software { format!("{named} (software adapter)") } else { named.into() }
}

/// `Chromium 141 stands in for Chrome`; what is not known as the browser itself is a stand-in.
fn stand_in(environment: &Environment) -> Option<String> {
    let browser = environment.browser.filter(|browser| *browser != BrowserId::Native)?;
    let mut known = PRODUCTS.iter().filter(|product| product.id == browser && !product.stand_in);
    let is_real = known.any(|product| product.name.eq_ignore_ascii_case(&environment.product));
    let product = format!("{} {}", environment.product, environment.browser_version);
    (!is_real && !environment.product.is_empty())
        .then(|| format!("{} stands in for {}", product.trim(), browser.title()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(browser: BrowserId, product: &str) -> EnvironmentView {
        EnvironmentView::of(&Environment {
            browser: Some(browser),
            product: product.into(),
            browser_version: "7".into(),
            ..Environment::default()
        })
    }

    #[test]
    fn stand_ins_are_named_and_the_real_ones_are_not() {
        assert_eq!(view(BrowserId::Chrome, "Chromium").stand_in.as_deref(), Some("Chromium 7 stands in for Chrome"));
        assert_eq!(view(BrowserId::Safari, "WebKitGTK").stand_in.as_deref(), Some("WebKitGTK 7 stands in for Safari"));
        assert_eq!(view(BrowserId::Firefox, "firefox").stand_in, None);
        assert_eq!(view(BrowserId::Native, "matrix").stand_in, None);
    }

    #[test]
    fn an_imitated_gpu_is_said() {
        let mut environment = Environment::default();
        environment.device.kind = "gpu".into();
        environment.device.description = "llvmpipe".into();
        environment.device.software = true;
        let view = EnvironmentView::of(&environment);
        assert!(view.software);
        assert_eq!(view.device, "llvmpipe (software adapter)");
    }
}
