//! What a new session asks of a driver, per kind of browser. Pure, so that browsers that are not on
//! this machine are tested too.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::product::{Kind, System};

/// How a browser is to be started.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// Its program.
    pub binary: &'a Path,
    /// Where its profile may live; removed after the session.
    pub profile: &'a Path,
    /// With a window, or without one where the browser can.
    pub headed: bool,
    /// Chrome's sandbox does not work for root.
    pub root: bool,
    /// The system it runs on.
    pub system: System,
    /// Arguments the user adds.
    pub extra: &'a [String],
}

/// Features of one Chrome switch; a second switch would replace the first, so they are joined.
const CHROME_FEATURES: [(System, &[&str]); 3] =
    [(System::Linux, &["Vulkan"]), (System::Mac, &[]), (System::Windows, &[])];

/// No background traffic, no first-run pages, no throttling of a window that nobody looks at.
const CHROME_QUIET: [&str; 13] = [
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-quic",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--enable-precise-memory-info",
    // measureUserAgentSpecificMemory answers at once instead of with the next garbage collection.
    "--enable-blink-features=ForceEagerMeasureMemory",
    "--enable-unsafe-webgpu",
];

/// The `alwaysMatch` object of a W3C new-session request.
#[must_use]
pub fn capabilities(kind: Kind, launch: &Launch<'_>) -> Map<String, Value> {
    let mut wanted = Map::new();
    match kind {
        Kind::Chrome => {
            wanted.insert("browserName".into(), "chrome".into());
            wanted.insert("goog:chromeOptions".into(), chromium_options(launch));
        }
        Kind::Edge => {
            wanted.insert("browserName".into(), "MicrosoftEdge".into());
            wanted.insert("ms:edgeOptions".into(), chromium_options(launch));
        }
        Kind::Firefox => {
            wanted.insert("browserName".into(), "firefox".into());
            wanted.insert("moz:firefoxOptions".into(), firefox_options(launch));
        }
        Kind::Safari => {
            wanted.insert("browserName".into(), "safari".into());
        }
        Kind::WebKitGtk => {
            wanted.insert("browserName".into(), "MiniBrowser".into());
            let mut arguments = vec!["--automation".to_owned()];
            arguments.extend_from_slice(launch.extra);
            wanted.insert("webkitgtk:browserOptions".into(), json!({"binary": launch.binary, "args": arguments}));
        }
    }
    wanted
}

fn chromium_options(launch: &Launch<'_>) -> Value {
    let mut arguments: Vec<String> = CHROME_QUIET.iter().map(|&argument| argument.to_owned()).collect();
    if !launch.headed {
        arguments.push("--headless=new".into());
    }
    if launch.root && launch.system == System::Linux {
        arguments.push("--no-sandbox".into());
    }
    arguments.push(format!("--user-data-dir={}", launch.profile.display()));
    let features = CHROME_FEATURES.iter().find(|(system, _)| *system == launch.system);
    let mut features: Vec<&str> = features.map(|(_, features)| features.to_vec()).unwrap_or_default();
    for argument in launch.extra {
        match argument.strip_prefix("--enable-features=") {
            Some(more) => features.extend(more.split(',')),
            None => arguments.push(argument.clone()),
        }
    }
    if !features.is_empty() {
        arguments.push(format!("--enable-features={}", features.join(",")));
    }
    json!({"binary": launch.binary, "args": arguments})
}

fn firefox_options(launch: &Launch<'_>) -> Value {
    let mut arguments = Vec::new();
    if !launch.headed {
        arguments.push("-headless".to_owned());
    }
    arguments.extend_from_slice(launch.extra);
    json!({
        "binary": launch.binary,
        "args": arguments,
        "prefs": {
            "dom.webgpu.enabled": true,
            // Without this Linux machines get no adapter at all.
            "gfx.webgpu.ignore-blocklist": true,
            "app.normandy.enabled": false,
            "app.update.auto": false,
            "browser.safebrowsing.malware.enabled": false,
            "browser.safebrowsing.phishing.enabled": false,
            "datareporting.policy.dataSubmissionEnabled": false,
            "dom.min_background_timeout_value": 4,
            "network.captive-portal-service.enabled": false,
            "network.connectivity-service.enabled": false,
            "toolkit.telemetry.enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(system: System, extra: &[String]) -> Launch<'_> {
        Launch { binary: Path::new("/bin/b"), profile: Path::new("/tmp/p"), headed: false, root: true, system, extra }
    }

    fn text(kind: Kind, launch: &Launch<'_>) -> String {
        serde_json::to_string_pretty(&capabilities(kind, launch)).expect("serialises")
    }

    #[test]
    fn every_kind_asks_for_what_its_driver_knows() {
        insta::assert_snapshot!("capabilities_chrome_linux", text(Kind::Chrome, &launch(System::Linux, &[])));
        insta::assert_snapshot!("capabilities_edge_windows", text(Kind::Edge, &launch(System::Windows, &[])));
        insta::assert_snapshot!("capabilities_firefox", text(Kind::Firefox, &launch(System::Linux, &[])));
        insta::assert_snapshot!("capabilities_safari", text(Kind::Safari, &launch(System::Mac, &[])));
        insta::assert_snapshot!("capabilities_webkitgtk", text(Kind::WebKitGtk, &launch(System::Linux, &[])));
    }

    #[test]
    fn features_of_the_user_join_ours_in_one_switch() {
        let extra = ["--enable-features=WebMachineLearningNeuralNetwork".to_owned(), "--lang=de".to_owned()];
        let text = text(Kind::Chrome, &launch(System::Linux, &extra));
        assert!(text.contains("--enable-features=Vulkan,WebMachineLearningNeuralNetwork"), "{text}");
        assert_eq!(text.matches("--enable-features").count(), 1);
        assert!(text.contains("--lang=de"));
    }

    #[test]
    fn the_sandbox_stays_on_for_ordinary_users() {
        let launch = Launch { root: false, ..launch(System::Linux, &[]) };
        assert!(!text(Kind::Chrome, &launch).contains("--no-sandbox"));
    }
}
