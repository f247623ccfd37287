//! Makes the fingerprint of an environment from what session, page and device say.

use std::collections::BTreeMap;

use matrix_engine::protocol::{DeviceInfo, Platform};
use sha2::{Digest as _, Sha256};

use super::environment::Environment;

use crate::browser::BrowserId;
use crate::machine::{self, Machine};
use crate::page::{Hello, engine_hash};
use crate::session::Facts;

/// The truth about one platform of one session.
#[must_use]
pub fn fingerprint(
    browser: BrowserId,
    platform: Platform,
    facts: &Facts,
    hello: &Hello,
    device: DeviceInfo,
    others: Vec<String>,
) -> Environment {
    let machine = Machine::here();
    let mut environment = Environment {
        id: String::new(),
        browser: Some(browser),
        product: facts.product.clone(),
        browser_version: facts.browser_version.clone(),
        driver: facts.driver.clone(),
        command_line: facts.command_line.clone(),
        platform: platform.name().into(),
        device,
        cross_origin_isolated: hello.cross_origin_isolated,
        visibility: hello.visibility.clone(),
        clock_step_ms: hello.clock_step_ms.unwrap_or_default(),
        user_agent: hello.user_agent.clone(),
        os: machine.os.clone(),
        cpu: machine.cpu.clone(),
        cores: machine.cores,
        engine_hash: engine_hash().into(),
        notes: facts.notes.clone(),
        process_ids: BTreeMap::new(),
        session_ms: 0.0,
        load_average: 0.0,
        other_browsers: Vec::new(),
    };
    environment.id = identity(&environment);
    environment.process_ids.clone_from(&facts.process_ids);
    environment.session_ms = facts.session_ms;
    environment.load_average = machine::load_average();
    environment.other_browsers = others;
    environment
}

/// Hash of what lasts.
fn identity(environment: &Environment) -> String {
    let json = serde_json::to_vec(&lasting(environment)).unwrap_or_default();
    Sha256::digest(json).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// An environment without what differs between two starts of the same browser: ports, folders, the exact step of a
/// clock that was measured.
pub(crate) fn lasting(environment: &Environment) -> Environment {
    Environment {
        command_line: environment.command_line.iter().filter(|word| !is_of_one_start(word)).cloned().collect(),
        clock_step_ms: (environment.clock_step_ms * 1e4).round() / 1e4,
        ..environment.clone()
    }
}

fn is_of_one_start(word: &str) -> bool {
    ["--user-data-dir=", "--remote-debugging-port=", "--remote-debugging-pipe", "-profile", "--crash"]
        .iter()
        .any(|start| word.starts_with(start))
        || word.contains("matrix-session-")
        || word.contains("http://127.0.0.1:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(command_line: &[&str], description: &str) -> Environment {
        let command_line = command_line.iter().map(|&word| word.to_owned()).collect();
        let facts = Facts { product: "Chromium".into(), command_line, session_ms: 300.0, ..Facts::default() };
        let device = DeviceInfo { description: description.into(), ..DeviceInfo::default() };
        fingerprint(BrowserId::Chrome, Platform::Webgpu, &facts, &Hello::default(), device, Vec::new())
    }

    #[test]
    fn two_starts_of_one_browser_are_comparable_and_two_devices_are_not() {
        let first = seen(&["chrome", "--user-data-dir=/tmp/matrix-session-a/profile", "--headless=new"], "GPU A");
        let again = seen(&["chrome", "--user-data-dir=/tmp/matrix-session-b/profile", "--headless=new"], "GPU A");
        assert_eq!(first.id, again.id);
        assert_ne!(first.id, seen(&["chrome", "--headless=new"], "GPU B").id);
        assert_ne!(first.id, seen(&["chrome"], "GPU A").id, "flags count");
    }
}
