//! Scripted sessions: the whole run without a browser, faults included. Between faults they compute
//! for real, with the engine's CPU path.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use matrix_engine::host::Host;
use matrix_engine::protocol::{FailureKind, Measure, Outcome, Platform, Step, TensorData};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::process::broken;
use super::{Address, Facts, Session, SessionError, Sessions, serve_steps};
use crate::browser::BrowserId;
use crate::page::Hello;

/// What a scripted browser does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Script {
    /// Everything works.
    #[default]
    Works,
    /// It is not on the machine.
    Missing,
    /// It does not start.
    Broken,
    /// Its pages never start.
    Silent,
    /// Its first pages die at their first inference, this many of them.
    Hangs(u32),
    /// It has no device for any platform.
    Unsupported,
    /// Its numbers are wrong.
    Wrong,
}

/// Opens scripted sessions.
#[derive(Clone, Default)]
pub struct MockLauncher {
    scripts: BTreeMap<BrowserId, Script>,
    hangs: Arc<Mutex<u32>>,
    restarts: Arc<AtomicU32>,
}

impl MockLauncher {
    /// One script per browser; browsers without one work.
    #[must_use]
    pub fn new(scripts: impl IntoIterator<Item = (BrowserId, Script)>) -> Self {
        Self { scripts: scripts.into_iter().collect(), ..Self::default() }
    }

    /// How often its sessions have been started anew.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }
}

/// `chrome=works,firefox=hangs:1`: a browser and what it does.
impl FromStr for MockLauncher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scripts = text.split(',').map(|part| {
            let (browser, script) = part.split_once('=').ok_or_else(|| format!("`{part}` is not BROWSER=SCRIPT"))?;
            let known = BrowserId::ALL.into_iter().find(|id| id.name() == browser);
            let script = match script.split_once(':') {
                None => SCRIPTS.iter().find(|(name, _)| *name == script).map(|(_, script)| script.clone()),
                Some(("hangs", pages)) => pages.parse().ok().map(Script::Hangs),
                Some(_) => None,
            };
            known.zip(script).ok_or_else(|| format!("`{part}` names no browser or no script"))
        });
        Ok(Self::new(scripts.collect::<Result<Vec<_>, _>>()?))
    }
}

const SCRIPTS: [(&str, Script); 6] = [
    ("works", Script::Works),
    ("missing", Script::Missing),
    ("broken", Script::Broken),
    ("silent", Script::Silent),
    ("unsupported", Script::Unsupported),
    ("wrong", Script::Wrong),
];

impl Sessions for MockLauncher {
    fn start(&self, browser: BrowserId) -> BoxFuture<'_, Result<Box<dyn Session>, SessionError>> {
        let script = self.scripts.get(&browser).cloned().unwrap_or_default();
        let opened = match script {
            Script::Missing => Err(SessionError::Unavailable {
                reason: format!("{} is not installed", browser.title()),
                remedy: "run: matrix setup".into(),
            }),
            Script::Broken => Err(broken("the driver did not start")),
            script => Ok(Box::new(Mock::new(browser, script, self)) as Box<dyn Session>),
        };
        Box::pin(async move { opened })
    }
}

/// One scripted session.
struct Mock {
    script: Script,
    facts: Facts,
    hangs: Arc<Mutex<u32>>,
    restarts: Arc<AtomicU32>,
    /// Dropped, it ends the page.
    page: Option<oneshot::Sender<()>>,
}

impl Mock {
    fn new(browser: BrowserId, script: Script, launcher: &MockLauncher) -> Self {
        let facts = Facts {
            product: format!("Mock {}", browser.title()),
            browser_version: "1.0".into(),
            driver: "mock 1.0".into(),
            session_ms: 1.0,
            ..Facts::default()
        };
        let (hangs, restarts) = (Arc::clone(&launcher.hangs), Arc::clone(&launcher.restarts));
        Self { script, facts, hangs, restarts, page: None }
    }
}

impl Session for Mock {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn open<'a>(&'a mut self, address: &'a Address) -> BoxFuture<'a, Result<(), SessionError>> {
        self.page = None;
        if self.script != Script::Silent {
            let (end, ended) = oneshot::channel::<()>();
            let page = Page { script: self.script.clone(), hangs: Arc::clone(&self.hangs) };
            let address = address.host.clone();
            let runtime = tokio::runtime::Handle::current();
            // The engine's futures stay on one thread, as they do in a browser.
            std::thread::spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = ended => {}
                        () = page.live(&address) => {}
                    }
                });
            });
            self.page = Some(end);
        }
        Box::pin(async { Ok(()) })
    }

    fn restart(&mut self) -> BoxFuture<'_, Result<(), SessionError>> {
        self.page = None;
        self.restarts.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }

    fn memory(&mut self, _on_gpu: bool) -> BoxFuture<'_, Vec<Measure>> {
        Box::pin(async { vec![Measure::bytes("process_memory", 1 << 20)] })
    }

    fn other_browsers(&self) -> Vec<String> {
        Vec::new()
    }

    fn cpu_time(&self) -> Option<Duration> {
        None
    }

    fn evidence(&mut self) -> BoxFuture<'_, Vec<(&'static str, Vec<u8>)>> {
        Box::pin(async { vec![("driver-log", b"a mock has nothing to say".to_vec())] })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(async {})
    }
}

struct Page {
    script: Script,
    hangs: Arc<Mutex<u32>>,
}

impl Page {
    async fn live(&self, address: &str) {
        let hello = Hello { visibility: "visible".into(), cross_origin_isolated: true, ..Hello::default() };
        let host = AsyncMutex::new(Host::new(""));
        let perform = async |step| self.perform(&host, step).await;
        // The runner gone is the usual end of a page.
        let _ = serve_steps(address, hello, perform).await;
    }

    async fn perform(&self, host: &AsyncMutex<Host>, step: Step) -> Outcome {
        if matches!(step, Step::Probe { .. }) && self.script == Script::Unsupported {
            return Outcome::Failed { kind: FailureKind::Unsupported, message: "no adapter".into() };
        }
        if matches!(step, Step::Infer { .. }) && self.hangs_now() {
            return std::future::pending().await;
        }
        let mut outcome = host.lock().await.perform(on_cpu(step)).await;
        if let (Outcome::Inferred { outputs, .. }, Script::Wrong) = (&mut outcome, &self.script) {
            for tensor in outputs.values_mut() {
                if let TensorData::F32(values) = &mut tensor.data {
                    values.reverse();
                }
            }
        }
        outcome
    }

    fn hangs_now(&self) -> bool {
        let Script::Hangs(pages) = self.script else { return false };
        let mut hangs = self.hangs.lock().unwrap_or_else(PoisonError::into_inner);
        let now = *hangs < pages;
        *hangs += u32::from(now);
        now
    }
}

/// The same step on the only device that is always there.
fn on_cpu(step: Step) -> Step {
    match step {
        Step::Probe { .. } => Step::Probe { platform: Platform::NativeCpu },
        Step::Load { slot, model, options, .. } => {
            Step::Load { slot, platform: Platform::NativeCpu, model, options, work: Vec::new() }
        }
        step => step,
    }
}
