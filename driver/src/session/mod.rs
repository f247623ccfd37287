//! One browser under test, from its start to the end of its last process.

mod devtools;
mod display;
mod host;
mod launcher;
mod memory_dump;
mod mock;
mod native;
mod process;
mod webdriver;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use matrix_engine::protocol::Measure;

use crate::browser::BrowserId;
use crate::page::{Link, Server};

pub use host::serve_steps;
pub use launcher::{LaunchSettings, Launcher};
pub use mock::{MockLauncher, Script};

/// Where a host finds its page, its steps.
#[derive(Clone, Debug)]
pub struct Address {
    /// The page, for a browser.
    pub page: String,
    /// The host's part of the server, ending in `/`, for a host that is no page.
    pub host: String,
}

impl Address {
    /// The address behind a link.
    #[must_use]
    pub fn of(server: &Server, link: &Link) -> Self {
        Self { page: server.page_url(link), host: format!("{}hosts/{}/", server.url(), link.key()) }
    }
}

/// What is known of a session once it is open.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What really runs: `Chromium`, `Firefox`, …
    pub product: String,
    /// Its version, as the driver reports it.
    pub browser_version: String,
    /// Name and version of the driver.
    pub driver: String,
    /// Command line of the browser's main process.
    pub command_line: Vec<String>,
    /// Process ids by process type.
    pub process_ids: BTreeMap<String, Vec<u32>>,
    /// Time from the request to the open session.
    pub session_ms: f64,
    /// Anything else worth keeping, by name.
    pub notes: BTreeMap<String, String>,
}

/// Why a session could not be opened or went away.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The browser is not on this machine.
    #[error("{reason}")]
    Unavailable {
        /// One sentence.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// The browser or its driver did not start, or stopped.
    #[error("{0}")]
    Broken(String),
}

/// One browser under test.
pub trait Session: Send {
    /// What is known of it.
    fn facts(&self) -> &Facts;

    /// Opens a fresh host at an address; whatever host was open before is gone.
    fn open<'a>(&'a mut self, address: &'a Address) -> BoxFuture<'a, Result<(), SessionError>>;

    /// Starts the browser anew, as nobody has used it yet: with an empty profile and empty caches.
    fn restart(&mut self) -> BoxFuture<'_, Result<(), SessionError>>;

    /// Memory of page and browser, as seen from outside the page; what its GPU process has on the GPU only
    /// when something is `on_gpu`: looking takes seconds. Never in the same sample as a time.
    fn memory(&mut self, on_gpu: bool) -> BoxFuture<'_, Vec<Measure>>;

    /// Browsers that run beside it, by name.
    fn other_browsers(&self) -> Vec<String>;

    /// CPU time that every process of the session has used, where the system tells.
    fn cpu_time(&self) -> Option<Duration>;

    /// Evidence of a failure, by kind: `screenshot`, `driver-log`.
    fn evidence(&mut self) -> BoxFuture<'_, Vec<(&'static str, Vec<u8>)>>;

    /// Ends every process of the session.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// What opens sessions.
pub trait Sessions: Send + Sync {
    /// Starts a browser.
    fn start(&self, browser: BrowserId) -> BoxFuture<'_, Result<Box<dyn Session>, SessionError>>;
}
