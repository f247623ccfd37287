//! A browser behind its WebDriver server (W3C WebDriver). Every session has a server of its own.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::Client;
use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::HttpConnector;
use matrix_engine::protocol::Measure;
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use super::devtools::DevTools;
use super::launcher::LaunchSettings;
use super::process::{Processes, broken};
use super::{Address, Facts, Session, SessionError, display};
use crate::browser::{Found, Kind, Launch, System, capabilities, extra_arguments, is_root};

/// A browser and its driver have this long to start.
const START: Duration = Duration::from_secs(60);
/// Commands that a healthy session answers at once.
const COMMAND: Duration = Duration::from_secs(30);
/// A session that does not end by itself is ended.
const CLOSE: Duration = Duration::from_secs(5);
const DRIVER: &str = "driver";

pub(super) struct WebDriver {
    processes: Processes,
    client: Client,
    devtools: Option<DevTools>,
    facts: Facts,
    found: Found,
    settings: LaunchSettings,
}

impl WebDriver {
    /// Starts driver and browser.
    pub(super) async fn start(found: &Found, settings: &LaunchSettings) -> Result<Self, SessionError> {
        let started = Instant::now();
        let mut processes = Processes::new()?;
        let mut environment = vec![("NO_AT_BRIDGE", "1".to_owned())];
        environment.extend(shader_caches(processes.folder())?);
        if found.product.kind.needs_display() && !settings.headed {
            environment.push(("DISPLAY", display::start(&mut processes).await?));
        }
        if found.product.kind == Kind::WebKitGtk && is_root() {
            // WebKit's sandbox does not work for root.
            environment.push(("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1".to_owned()));
        }
        let base = start_driver(&mut processes, found, &environment).await?;
        let profile = processes.folder().join("profile");
        let extra = extra_arguments(found.product.id);
        let launch = Launch {
            binary: &found.binary,
            profile: &profile,
            headed: settings.headed,
            root: is_root(),
            system: System::current(),
            extra: &extra,
        };
        let wanted = capabilities(found.product.kind, &launch);
        let opened = new_session(&base, &wanted).await;
        let (id, got) = opened.map_err(|error| with_log(&processes, found, &error))?;
        let client = Client::with_existing_session(&base, &id, HttpConnector::new()).await;
        let client = client.map_err(|error| broken(format!("the session can't be used: {error}")))?;
        let facts = facts(found, &got, &processes);
        let mut session = Self { processes, client, devtools: None, facts, found: found.clone(), settings: *settings };
        if let Some(address) = devtools_address(&got).filter(|_| found.product.kind.has_devtools()) {
            session.attach(&address).await;
        }
        session.facts.session_ms = started.elapsed().as_secs_f64() * 1000.0;
        Ok(session)
    }

    /// Ends browser and driver.
    async fn end(&mut self) {
        self.devtools = None;
        // Closing politely lets the browser clean up; whatever is left then is ended.
        let _ = timeout(CLOSE, self.client.clone().close()).await;
        self.processes.kill();
    }

    /// Attaches DevTools to a browser that has them, and believes what they say.
    async fn attach(&mut self, address: &str) {
        match DevTools::attach(address).await {
            Ok(devtools) => {
                if let Ok((command_line, process_ids)) = devtools.browser().await {
                    self.facts.command_line = command_line;
                    self.facts.process_ids = process_ids;
                }
                self.devtools = Some(devtools);
            }
            Err(error) => {
                self.facts.notes.insert("devtools".into(), format!("not attached: {error}"));
            }
        }
    }
}

/// Compiled shaders that a GPU's driver keeps on disk are kept with the session, and go with it.
fn shader_caches(folder: &Path) -> Result<[(&'static str, String); 2], SessionError> {
    let caches = folder.join("shaders");
    std::fs::create_dir(&caches).map_err(|error| broken(format!("no folder for shaders: {error}")))?;
    let caches = caches.display().to_string();
    Ok([("MESA_SHADER_CACHE_DIR", caches.clone()), ("__GL_SHADER_DISK_CACHE_PATH", caches)])
}

/// What is known of a session from its capabilities and its processes.
fn facts(found: &Found, got: &Map<String, Value>, processes: &Processes) -> Facts {
    let (process_ids, command_line) = processes.running(&found.binary);
    let driver = found.driver.file_stem().unwrap_or_default().to_string_lossy();
    let version = found.driver_version.as_deref().unwrap_or_default();
    Facts {
        product: found.product.name.into(),
        browser_version: got.get("browserVersion").and_then(Value::as_str).unwrap_or_default().into(),
        driver: format!("{driver} {version}").trim().into(),
        command_line,
        process_ids,
        ..Facts::default()
    }
}

/// Where a Chrome's DevTools listen.
fn devtools_address(got: &Map<String, Value>) -> Option<String> {
    let options = ["goog:chromeOptions", "ms:edgeOptions"].iter().find_map(|key| got.get(*key));
    options?.get("debuggerAddress")?.as_str().map(str::to_owned)
}

impl Session for WebDriver {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open<'a>(&'a mut self, address: &'a Address) -> BoxFuture<'a, Result<(), SessionError>> {
        Box::pin(async {
            if let Some(name) = self.processes.ended() {
                return Err(broken(format!("{name} has ended")));
            }
            match timeout(COMMAND, self.client.goto(&address.page)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(broken(format!("the page can't be opened: {error}"))),
                Err(_) => Err(broken(format!("the page did not open within {} s", COMMAND.as_secs()))),
            }
        })
    }

    fn restart(&mut self) -> BoxFuture<'_, Result<(), SessionError>> {
        Box::pin(async {
            // Nothing of it is used again, so there is nothing to close politely.
            self.devtools = None;
            self.processes.kill();
            *self = Self::start(&self.found, &self.settings).await?;
            Ok(())
        })
    }

    fn memory(&mut self, on_gpu: bool) -> BoxFuture<'_, Vec<Measure>> {
        Box::pin(async move {
            let mut measures = self.processes.memory();
            if let Some(devtools) = &self.devtools {
                measures.extend(devtools.js_heap().await.map(|heap| Measure::bytes("js_heap", heap)));
                // Last, because looking costs memory, too.
                if on_gpu {
                    match devtools.gpu_process_memory().await {
                        Ok(held) => measures.extend(held),
                        Err(error) => tracing::warn!("no memory of the GPU process: {error}"),
                    }
                }
            }
            measures
        })
    }

    fn other_browsers(&self) -> Vec<String> {
        self.processes.other_browsers()
    }

    fn cpu_time(&self) -> Option<Duration> {
        self.processes.cpu_time()
    }

    fn evidence(&mut self) -> BoxFuture<'_, Vec<(&'static str, Vec<u8>)>> {
        Box::pin(async {
            let mut evidence = vec![("driver-log", self.processes.log(DRIVER).into_bytes())];
            // A dead browser answers with an error, a hung one not at all; both have no picture.
            if let Ok(Ok(picture)) = timeout(CLOSE, self.client.screenshot()).await {
                evidence.push(("screenshot", picture));
            }
            evidence
        })
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.end().await })
    }
}

/// Starts the driver on a free port; gives its address, ending in `/`.
async fn start_driver(
    processes: &mut Processes,
    found: &Found,
    environment: &[(&str, String)],
) -> Result<String, SessionError> {
    let port = free_port()?;
    let arguments = driver_arguments(found.product.kind, port);
    processes.start(DRIVER, &found.driver, &arguments, environment)?;
    let base = format!("http://127.0.0.1:{port}/");
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build();
    let client = client.map_err(|error| broken(error.to_string()))?;
    let deadline = Instant::now() + START;
    loop {
        if client.get(format!("{base}status")).send().await.is_ok_and(|status| status.status().is_success()) {
            return Ok(base);
        }
        if processes.ended().is_some() || Instant::now() > deadline {
            return Err(with_log(processes, found, &format!("{} did not start", found.driver.display())));
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// A port nobody listens on at this moment.
fn free_port() -> Result<u16, SessionError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| broken(format!("no free port: {error}")))
}

fn driver_arguments(kind: Kind, port: u16) -> Vec<String> {
    match kind {
        Kind::Chrome | Kind::Edge => vec![format!("--port={port}")],
        Kind::Firefox => vec!["--port".into(), port.to_string(), "--host".into(), "127.0.0.1".into()],
        Kind::Safari => vec!["--port".into(), port.to_string()],
        Kind::WebKitGtk => vec!["--host=127.0.0.1".into(), format!("--port={port}")],
    }
}

/// Asks for a session in our own words: clients add capabilities that some drivers refuse.
async fn new_session(base: &str, wanted: &Map<String, Value>) -> Result<(String, Map<String, Value>), String> {
    let client = reqwest::Client::builder().timeout(START).build().map_err(|error| error.to_string())?;
    let body = json!({"capabilities": {"alwaysMatch": wanted}});
    let answer = client.post(format!("{base}session")).json(&body).send().await;
    let answer = answer.map_err(|error| format!("no answer to the request for a session: {error}"))?;
    let answer: Value = answer.json().await.map_err(|error| format!("the driver's answer is no JSON: {error}"))?;
    let value = &answer["value"];
    match (value["sessionId"].as_str(), value["capabilities"].as_object()) {
        (Some(id), Some(got)) => Ok((id.to_owned(), got.clone())),
        _ => Err(format!(
            "the driver gave no session: {}: {}",
            value["error"].as_str().unwrap_or("unknown error"),
            value["message"].as_str().and_then(|message| message.lines().next()).unwrap_or("no message"),
        )),
    }
}

/// The error, with the last lines the driver printed.
fn with_log(processes: &Processes, found: &Found, error: &str) -> SessionError {
    let log = processes.log(DRIVER);
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join(" | ");
    let said = if last.is_empty() { String::new() } else { format!("; the driver said: {last}") };
    broken(format!("{}: {error}{said}", found.product.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_listen_on_the_port_they_are_given() {
        for kind in [Kind::Chrome, Kind::Edge, Kind::Firefox, Kind::Safari, Kind::WebKitGtk] {
            assert!(driver_arguments(kind, 4444).join(" ").contains("4444"), "{kind:?}");
        }
        assert_eq!(driver_arguments(Kind::Safari, 4444), ["--port", "4444"], "safaridriver knows nothing else");
    }
}
