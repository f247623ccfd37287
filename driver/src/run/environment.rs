//! The fingerprint: what must be equal for two numbers to be comparable.

use std::collections::BTreeMap;

use matrix_engine::protocol::DeviceInfo;
use serde::{Deserialize, Serialize};

use crate::browser::BrowserId;

/// The truth about browser, device and machine of an attempt. Strings may come from a browser: untrusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Hash of everything below down to `notes`.
    pub id: String,
    /// Which row of the table; `None` only in an empty value.
    pub browser: Option<BrowserId>,
    /// What really ran: `Chromium`, `WebKitGTK MiniBrowser`, …
    pub product: String,
    /// Version of the browser, as its driver reports it.
    pub browser_version: String,
    /// Name and version of the WebDriver server.
    pub driver: String,
    /// Full command line of the browser, as DevTools or the system reports it.
    pub command_line: Vec<String>,
    /// Platform of the device below: `webgpu`, `wasm`, …
    pub platform: String,
    /// The device that computes.
    pub device: DeviceInfo,
    /// Whether the page was cross-origin isolated.
    pub cross_origin_isolated: bool,
    /// `visible` or `hidden`.
    pub visibility: String,
    /// Smallest step of `performance.now()`, in milliseconds.
    pub clock_step_ms: f64,
    /// The page's user agent.
    pub user_agent: String,
    /// Operating system and version.
    pub os: String,
    /// CPU model.
    pub cpu: String,
    /// Logical CPUs.
    pub cores: u32,
    /// Hash of the page and the engine's wasm.
    pub engine_hash: String,
    /// Anything else worth knowing, by name.
    pub notes: BTreeMap<String, String>,
    /// Process ids of the browser, by process type; not part of the fingerprint.
    pub process_ids: BTreeMap<String, Vec<u32>>,
    /// Time from the request to the open session, in milliseconds; not part of the fingerprint.
    pub session_ms: f64,
    /// Load average of the last minute when the browser was looked at; not part of the fingerprint.
    #[serde(default)]
    pub load_average: f64,
    /// Other browsers that ran then; not part of the fingerprint.
    #[serde(default)]
    pub other_browsers: Vec<String>,
}
