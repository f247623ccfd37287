//! The meeting point of runner and hosts: steps one way, outcomes the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use matrix_engine::protocol::{Outcome, Step};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

/// What a host says of itself when it starts. Untrusted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Hello {
    /// `navigator.userAgent`.
    pub user_agent: String,
    /// Whether shared memory and fine clocks are there.
    pub cross_origin_isolated: bool,
    /// `visible` or `hidden`.
    pub visibility: String,
    /// Smallest step of the clock.
    pub clock_step_ms: Option<f64>,
    /// Whether `navigator.gpu` exists.
    pub webgpu: bool,
    /// `navigator.hardwareConcurrency`.
    pub hardware_concurrency: Option<u32>,
}

/// Something a host said besides outcomes.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A line of its console.
    Log {
        /// `error`, `warn`, `info`.
        level: String,
        /// Untrusted text.
        text: String,
    },
    /// The page was not visible at a heartbeat: its timing can't be trusted.
    Hidden,
}

/// Why a step got no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No heartbeat.
    #[error("the page sent no sign of life for {0} s")]
    Silent(u64),
    /// The step took too long.
    #[error("no answer to '{step}' within {seconds} s")]
    TimedOut {
        /// What was asked.
        step: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The page never started.
    #[error("the page did not start within {0} s")]
    NoHello(u64),
}

/// A step with its number, as a host fetches it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbered {
    /// 1, 2, …
    pub seq: u64,
    /// What to do.
    pub step: Step,
}

/// One host as the server sees it.
pub(super) struct Host {
    step: watch::Sender<Option<Arc<Numbered>>>,
    hello: watch::Sender<Option<Hello>>,
    beat: watch::Sender<Instant>,
    outcomes: mpsc::UnboundedSender<(u64, Outcome)>,
    notes: mpsc::UnboundedSender<Note>,
}

impl Host {
    pub(super) fn hello(&self, hello: Hello) {
        self.beat();
        self.hello.send_replace(Some(hello));
    }

    pub(super) fn beat(&self) {
        self.beat.send_replace(Instant::now());
    }

    pub(super) fn note(&self, note: Note) {
        // The runner may be gone already; then nobody wants to know.
        let _ = self.notes.send(note);
    }

    pub(super) fn outcome(&self, seq: u64, outcome: Outcome) {
        self.beat();
        let _ = self.outcomes.send((seq, outcome));
    }

    /// The first step after `after`, or none when `wait` passes without one.
    pub(super) async fn step(&self, after: u64, wait: Duration) -> Option<Arc<Numbered>> {
        let mut steps = self.step.subscribe();
        let newer = steps.wait_for(|step| step.as_ref().is_some_and(|step| step.seq > after));
        timeout_at(Instant::now() + wait, newer).await.ok()?.ok()?.clone()
    }
}

/// Every host that is expected or talking.
#[derive(Clone, Default)]
pub(super) struct Hub {
    hosts: Arc<Mutex<HashMap<String, Arc<Host>>>>,
}

impl Hub {
    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Arc<Host>>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn host(&self, key: &str) -> Option<Arc<Host>> {
        self.hosts().get(key).cloned()
    }

    /// Opens a link to a host that is about to start under `key`.
    pub(super) fn link(&self, key: String, silence: Duration) -> Link {
        let (outcomes_in, outcomes) = mpsc::unbounded_channel();
        let (notes_in, notes) = mpsc::unbounded_channel();
        let host = Arc::new(Host {
            step: watch::Sender::new(None),
            hello: watch::Sender::new(None),
            beat: watch::Sender::new(Instant::now()),
            outcomes: outcomes_in,
            notes: notes_in,
        });
        self.hosts().insert(key.clone(), Arc::clone(&host));
        Link { hub: self.clone(), key, host, outcomes, notes, seq: 0, silence }
    }
}

/// The runner's end of one host. Dropping it tells the host to finish.
pub struct Link {
    hub: Hub,
    key: String,
    host: Arc<Host>,
    outcomes: mpsc::UnboundedReceiver<(u64, Outcome)>,
    notes: mpsc::UnboundedReceiver<Note>,
    seq: u64,
    silence: Duration,
}

impl Link {
    /// The host's key: the `host` parameter of its page.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Waits until the host has introduced itself.
    ///
    /// # Errors
    /// [`LinkError::NoHello`] after `limit`.
    pub async fn hello(&self, limit: Duration) -> Result<Hello, LinkError> {
        let mut hello = self.host.hello.subscribe();
        let seen = timeout_at(Instant::now() + limit, hello.wait_for(Option::is_some)).await;
        seen.ok().and_then(Result::ok).and_then(|hello| hello.clone()).ok_or(LinkError::NoHello(limit.as_secs()))
    }

    /// Has one step performed.
    ///
    /// # Errors
    /// When the host goes silent or `limit` passes.
    pub async fn perform(&mut self, step: Step, limit: Duration) -> Result<Outcome, LinkError> {
        let name = step_name(&step);
        let seq = self.post(step);
        let deadline = Instant::now() + limit;
        self.host.beat();
        let mut beats = self.host.beat.subscribe();
        loop {
            let silent_at = *beats.borrow_and_update() + self.silence;
            tokio::select! {
                Some((answered, outcome)) = self.outcomes.recv() => if answered == seq { return Ok(outcome) },
                _ = beats.changed() => {}
                () = sleep_until(silent_at) => return Err(LinkError::Silent(self.silence.as_secs())),
                () = sleep_until(deadline) => return Err(LinkError::TimedOut { step: name, seconds: limit.as_secs() }),
            }
        }
    }

    /// What the host said since the last call.
    pub fn notes(&mut self) -> Vec<Note> {
        std::iter::from_fn(|| self.notes.try_recv().ok()).collect()
    }

    fn post(&mut self, step: Step) -> u64 {
        self.seq += 1;
        self.host.step.send_replace(Some(Arc::new(Numbered { seq: self.seq, step })));
        self.seq
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.post(Step::Finish);
        self.hub.hosts().remove(&self.key);
    }
}

fn step_name(step: &Step) -> &'static str {
    match step {
        Step::Probe { .. } => "probe",
        Step::Compile { .. } => "compile",
        Step::Bench { .. } => "bench",
        Step::Wait { .. } => "wait",
        Step::Load { .. } => "load",
        Step::Infer { .. } => "infer",
        Step::Hear { .. } => "hear",
        Step::Trace { .. } => "trace",
        Step::Generate { .. } => "generate",
        Step::Footprint => "footprint",
        Step::Timeline { .. } => "timeline",
        Step::Unload { .. } => "unload",
        Step::Finish => "finish",
    }
}

#[cfg(test)]
mod tests {
    use matrix_engine::protocol::{Memory, Platform};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_step_reaches_the_host_and_its_outcome_the_runner() {
        let hub = Hub::default();
        let mut link = hub.link("a".into(), 15 * SECOND);
        let host = hub.host("a").expect("registered");
        let page = tokio::spawn(async move {
            let numbered = host.step(0, SECOND).await.expect("a step");
            host.outcome(numbered.seq, Outcome::Unloaded { memory: Memory::default() });
        });
        let outcome = link.perform(Step::Unload { slot: "x".into() }, SECOND).await;
        assert_eq!(outcome, Ok(Outcome::Unloaded { memory: Memory::default() }));
        page.await.expect("the page ends");
    }

    #[tokio::test]
    async fn silence_is_a_hang_and_heartbeats_are_not_an_answer() {
        let hub = Hub::default();
        let mut link = hub.link("a".into(), SECOND / 10);
        let probe = Step::Probe { platform: Platform::Wasm };
        assert!(matches!(link.perform(probe.clone(), 60 * SECOND).await, Err(LinkError::Silent(_))));

        let host = hub.host("a").expect("registered");
        let page = tokio::spawn(async move {
            loop {
                host.beat();
                tokio::time::sleep(SECOND / 100).await;
            }
        });
        let late = link.perform(probe, SECOND / 2).await;
        assert!(matches!(late, Err(LinkError::TimedOut { step: "probe", .. })), "{late:?}");
        page.abort();
    }

    #[tokio::test]
    async fn a_dropped_link_sends_its_host_home() {
        let hub = Hub::default();
        let link = hub.link("a".into(), SECOND);
        let host = hub.host("a").expect("registered");
        drop(link);
        assert_eq!(host.step(0, SECOND).await.expect("a step").step, Step::Finish);
        assert!(hub.host("a").is_none());
    }
}
