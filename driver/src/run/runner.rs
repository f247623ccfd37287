//! Works through the cells of a plan: one browser at a time, one cell at a time, bounded attempts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use matrix_engine::protocol::{Calibration, DeviceInfo, ModelSource, Outcome, Platform, Step};
use tokio::sync::watch;
use tokio::time::timeout;

use super::attempt::{Attempt, Ended, PAGE_START, status_of};
use super::event::{Event, RunInfo, RunStatus, Status};
use super::fingerprint::fingerprint;
use super::listener::Listeners;
use super::model::Located;
use super::reference::{Reference, References};
use super::trust::Trust;
use crate::browser::BrowserId;
use crate::error::Error;
use crate::page::Server;
use crate::plan::{Cell, Network};
use crate::session::{Address, Session, SessionError, Sessions};

/// A cell that failed is tried once more, in a fresh browser.
const ATTEMPTS: u32 = 2;

/// Runs cells and tells what happens.
pub struct Runner<'a> {
    /// What opens browsers.
    pub sessions: &'a dyn Sessions,
    /// What the pages talk to.
    pub server: &'a Server,
    /// Who is told.
    pub listeners: Listeners,
    /// Turns true when the user wants to stop.
    pub stop: watch::Receiver<bool>,
}

/// The browser that is open, and what is known of its platforms.
struct Open {
    browser: BrowserId,
    session: Box<dyn Session>,
    platforms: HashMap<Platform, Probed>,
}

/// A platform of an open browser.
#[derive(Clone)]
struct Probed {
    environment: String,
    /// Why it can't be used, if it can't.
    unusable: Option<(Status, String)>,
    /// Whether a CPU plays the GPU.
    software: bool,
    /// Other browsers that ran when it was probed.
    others: Vec<String>,
}

impl Runner<'_> {
    /// Runs `cells` in order.
    ///
    /// # Errors
    /// Only when the run can't go on at all; what happens to a cell is an event.
    pub async fn run(mut self, run: RunInfo, planned: &[Cell], cells: &[&Cell]) -> Result<RunStatus, Error> {
        self.listeners.tell(&Event::RunStarted { run, cells: planned.to_vec() })?;
        let mut open = None;
        let mut references = References::default();
        let mut stop = self.stop.clone();
        let mut status = RunStatus::Finished;
        for cell in cells {
            let cell_done = self.cell(cell, &mut open, &mut references);
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => { status = RunStatus::Interrupted; break }
                done = cell_done => done?,
            }
        }
        close(&mut open).await;
        self.listeners.tell(&Event::RunFinished { status })?;
        Ok(status)
    }

    async fn cell(&mut self, cell: &Cell, open: &mut Option<Open>, references: &mut References) -> Result<(), Error> {
        let mut last = (Status::Fail, String::new());
        for number in 1..=ATTEMPTS {
            last = match self.prepare(cell, open).await {
                // Nothing was tried, so there is no attempt to record.
                Err((status, reason)) if !status.is_failure() => return self.finish(cell, status, reason),
                Err(failure) => {
                    self.begin(cell, number, None)?;
                    failure
                }
                Ok(probed) => {
                    self.begin(cell, number, Some(probed.environment.clone()))?;
                    self.attempt(cell, number, &probed, open, references).await?
                }
            };
            let (status, reason) = last.clone();
            self.listeners.tell(&Event::AttemptEnded {
                cell: cell.id.clone(),
                attempt: number,
                outcome: status,
                reason,
            })?;
            if !last.0.is_failure() {
                let flaky = number > 1 && last.0 == Status::Pass;
                let status = if flaky { Status::Flaky } else { last.0 };
                let reason = if flaky { "passed on a retry".into() } else { last.1 };
                return self.finish(cell, status, reason);
            }
            // Whatever failed may have left the browser in a bad state.
            close(open).await;
        }
        self.finish(cell, last.0, last.1)
    }

    /// Sees to it that the cell's browser is open and its platform probed.
    async fn prepare(&mut self, cell: &Cell, open: &mut Option<Open>) -> Result<Probed, (Status, String)> {
        if open.as_ref().is_some_and(|open| open.browser != cell.browser) {
            close(open).await;
        }
        if open.is_none() {
            let session = self.sessions.start(cell.browser).await.map_err(|error| match error {
                SessionError::Unavailable { reason, remedy } if remedy.is_empty() => (Status::Unavailable, reason),
                SessionError::Unavailable { reason, remedy } => (Status::Unavailable, format!("{reason}; {remedy}")),
                SessionError::Broken(reason) => (Status::Crash, reason),
            })?;
            *open = Some(Open { browser: cell.browser, session, platforms: HashMap::new() });
        }
        let Some(open) = open else { return Err((Status::Crash, "no session".into())) };
        if let Some(known) = open.platforms.get(&cell.platform) {
            return Ok(known.clone());
        }
        let probed = self.probe(cell, open).await?;
        open.platforms.insert(cell.platform, probed.clone());
        Ok(probed)
    }

    /// Asks a fresh page what device is behind the platform, and records the environment.
    async fn probe(&mut self, cell: &Cell, open: &mut Open) -> Result<Probed, (Status, String)> {
        let crash = |error: &dyn std::fmt::Display| (Status::Crash, error.to_string());
        let mut link = self.server.link(heartbeat(cell)).map_err(|error| crash(&error))?;
        open.session.open(&Address::of(self.server, &link)).await.map_err(|error| crash(&error))?;
        let hello = link.hello(PAGE_START).await.map_err(|error| crash(&error))?;
        let probe = Step::Probe { platform: cell.platform };
        let (device, unusable) = match link.perform(probe, PAGE_START).await.map_err(|error| crash(&error))? {
            Outcome::Probed { device } => (device, None),
            Outcome::Failed { kind, message } => (DeviceInfo::default(), Some((status_of(kind), message))),
            other => return Err((Status::Fail, format!("the page's answer to 'probe' is not one: {other:?}"))),
        };
        let software = device.software;
        let others = open.session.other_browsers();
        let environment =
            fingerprint(cell.browser, cell.platform, open.session.facts(), &hello, device, others.clone());
        let id = environment.id.clone();
        let seen = self.listeners.tell(&Event::EnvironmentSeen { environment: Box::new(environment) });
        seen.map_err(|error| (Status::Fail, error.to_string()))?;
        Ok(Probed { environment: id, unusable, software, others })
    }

    async fn attempt(
        &mut self,
        cell: &Cell,
        number: u32,
        probed: &Probed,
        open: &mut Option<Open>,
        references: &mut References,
    ) -> Result<(Status, String), Error> {
        if let Some(unusable) = &probed.unusable {
            return Ok(unusable.clone());
        }
        let Some(open) = open else { return Ok((Status::Crash, "no session".into())) };
        let known = match Known::of(cell, references).await {
            Ok(known) => known,
            Err(error) => {
                let status = if error.exit_code() == crate::error::ExitCode::Environment {
                    Status::Unavailable
                } else {
                    Status::Fail
                };
                return Ok((status, error.one_line()));
            }
        };
        let limit = Duration::from_secs_f64(cell.timeouts.cell_s);
        let measured = timeout(limit, self.measure(cell, number, probed, &known, open)).await;
        let outcome = match measured {
            Ok(Ok(())) => (Status::Pass, String::new()),
            Ok(Err(Ended::Run(error))) => return Err(error),
            Ok(Err(Ended::Cell(status, reason))) => (status, reason),
            Err(_) => (Status::Timeout, format!("the cell took longer than {} s", cell.timeouts.cell_s)),
        };
        if outcome.0.is_failure() {
            for (kind, bytes) in open.session.evidence().await {
                self.listeners.tell(&Event::Kept { cell: cell.id.clone(), kind: kind.into(), bytes })?;
            }
        }
        Ok(outcome)
    }

    async fn measure(
        &mut self,
        cell: &Cell,
        number: u32,
        probed: &Probed,
        Known { reference, lengths, importance }: &Known,
        open: &mut Open,
    ) -> Result<(), Ended> {
        let importance =
            importance.as_ref().map(|folder| match folder.source(cell.platform, self.server, None, false)? {
                ModelSource::Folder { at } => Ok(at),
                other @ ModelSource::Synthetic { .. } => Err(Error::internal(format!("no folder: {other:?}"))),
            });
        let attempt = Attempt {
            cell,
            number,
            source: reference.located.source(cell.platform, self.server, network(cell), keeps(cell))?,
            reference,
            lengths,
            importance: importance.transpose()?,
            server: self.server,
            session: open.session.as_mut(),
            listeners: &mut self.listeners,
            trust: Trust::new(cell.sampling.strict, probed.software, probed.others.clone()),
            link: None,
            until: Instant::now() + Duration::from_secs_f64(cell.timeouts.cell_s),
            held: BTreeMap::new(),
            warned: BTreeSet::new(),
        };
        attempt.run().await
    }

    fn begin(&mut self, cell: &Cell, attempt: u32, environment: Option<String>) -> Result<(), Error> {
        self.listeners.tell(&Event::AttemptStarted { cell: cell.id.clone(), attempt, environment })
    }

    fn finish(&mut self, cell: &Cell, status: Status, reason: String) -> Result<(), Error> {
        self.listeners.tell(&Event::CellFinished { cell: cell.id.clone(), status, reason })
    }
}

/// What the engine of this process found out before a cell is measured.
struct Known {
    /// What should come out of what is timed.
    reference: Arc<Reference>,
    /// The same of prompts of other lengths.
    lengths: Vec<Arc<Reference>>,
    /// Where it says how much the inputs of layers matter, if weights are quantized by that.
    importance: Option<Located>,
}

impl Known {
    async fn of(cell: &Cell, references: &mut References) -> Result<Self, Arc<Error>> {
        let reference = references.get(&cell.model, &cell.scenario.plain()).await?;
        let mut lengths: Vec<Arc<Reference>> = Vec::new();
        if reference.prompt().is_some() {
            for tokens in &cell.scenario.lengths {
                let other = references.get(&cell.model, &cell.scenario.at(*tokens)).await?;
                // A text may be shorter than it was asked to be, and a model's longest prompt, too.
                if lengths.iter().all(|known| known.prompt() != other.prompt()) {
                    lengths.push(other);
                }
            }
        }
        let calibrated = cell.treatment.integer.as_ref().filter(|it| it.calibration == Calibration::Activations);
        let importance = match calibrated {
            None => None,
            Some(integer) => {
                let set = &integer.calibration_set;
                Some(Located::Folder(references.importance(&cell.model, &cell.scenario, set).await?))
            }
        };
        Ok(Self { reference, lengths, importance })
    }
}

/// The network that a cell's weights come over, if they have to come over one.
fn network(cell: &Cell) -> Option<Network> {
    cell.scenario.network.or_else(|| cell.treatment.fetches().then(Network::default))
}

/// Whether a page keeps what it fetches, which it does of files that are known by their content.
fn keeps(cell: &Cell) -> bool {
    cell.treatment.parallel_loading.as_ref().is_some_and(|parallel| parallel.keep)
}

fn heartbeat(cell: &Cell) -> Duration {
    Duration::from_secs_f64(cell.timeouts.heartbeat_s)
}

async fn close(open: &mut Option<Open>) {
    if let Some(open) = open.take() {
        open.session.close().await;
    }
}
