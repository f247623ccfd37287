//! One attempt at one cell: baseline and treatment, measured in turns.
//!
//! 1. [`fresh`](super::fresh): fresh pages that hold one arm each, in balanced order. Load and first inference
//!    are timed there, because a page that has done either before would do it faster; outputs are compared with
//!    the f32 CPU reference; then, untimed, memory and CPU time are looked at.
//! 2. [`loads`](super::loads), where the treatment loads otherwise: both arms load in turns, again and again.
//! 3. [`turns`](super::turns): one page that holds both arms. After a discarded warm-up they compute in turns, the
//!    order balanced over blocks, until enough is known or the budget is spent.
//! 4. [`trace`](super::trace), where it is wanted: every operation by itself, on the page that is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use matrix_engine::protocol::{FailureKind, Measure, Memory, ModelSource, Options, Outcome, Step, Work};

use super::event::{Arm, Event, FALLBACK, Status, WARNING};
use super::listener::Listeners;
use super::reference::Reference;
use super::trust::Trust;
use super::workload::Taken;
use crate::error::Error;
use crate::page::{Link, LinkError, Note, Server};
use crate::plan::{Cell, Profile};
use crate::session::{Address, Session, SessionError};

/// A page has this long to start.
pub(super) const PAGE_START: Duration = Duration::from_secs(60);

/// Why an attempt ended early.
#[derive(Debug)]
pub(super) enum Ended {
    /// The cell's status, and why.
    Cell(Status, String),
    /// The run can't go on.
    Run(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

impl From<LinkError> for Ended {
    fn from(error: LinkError) -> Self {
        let status = if matches!(error, LinkError::NoHello(_)) { Status::Crash } else { Status::Timeout };
        Self::Cell(status, error.to_string())
    }
}

impl From<SessionError> for Ended {
    fn from(error: SessionError) -> Self {
        Self::Cell(Status::Crash, error.to_string())
    }
}

/// Everything an attempt needs.
pub(super) struct Attempt<'a> {
    pub(super) cell: &'a Cell,
    pub(super) number: u32,
    pub(super) source: ModelSource,
    pub(super) reference: &'a Reference,
    /// The same of prompts of other lengths.
    pub(super) lengths: &'a [Arc<Reference>],
    /// Where a page finds how much the inputs of layers matter, if weights are quantized by that.
    pub(super) importance: Option<String>,
    pub(super) server: &'a Server,
    pub(super) session: &'a mut dyn Session,
    pub(super) listeners: &'a mut Listeners,
    /// What could make a time untrue.
    pub(super) trust: Trust,
    /// The page that is open.
    pub(super) link: Option<Link>,
    /// What each arm held at most since its last load.
    pub(super) held: BTreeMap<Arm, Memory>,
    /// When the cell has to be done.
    pub(super) until: Instant,
    /// What an engine has warned of.
    pub(super) warned: BTreeSet<String>,
}

impl Attempt<'_> {
    /// Measures the cell.
    pub(super) async fn run(mut self) -> Result<(), Ended> {
        for note in &self.reference.notes {
            self.say("info", note.clone())?;
        }
        for doubt in self.trust.lasting() {
            self.say("warn", doubt)?;
        }
        self.fresh_pages().await?;
        self.turns().await?;
        self.trace().await
    }

    /// Opens a page that has done nothing yet.
    pub(super) async fn fresh_page(&mut self) -> Result<(), Ended> {
        // The page before goes first: two at once would share the machine.
        self.link = None;
        self.held.clear();
        let link = self.server.link(Duration::from_secs_f64(self.cell.timeouts.heartbeat_s))?;
        self.session.open(&Address::of(self.server, &link)).await?;
        let hello = link.hello(PAGE_START).await?;
        self.trust.page(&hello);
        self.link = Some(link);
        Ok(())
    }

    /// Starts the browser anew, if every sample is to be its first.
    pub(super) async fn fresh_browser(&mut self) -> Result<(), Ended> {
        if self.cell.sampling.profile == Profile::Warm {
            return Ok(());
        }
        self.link = None;
        self.session.restart().await?;
        self.trust.anew(self.session);
        Ok(())
    }

    /// Loads an arm; gives what the load took, and the bytes that were fetched for it.
    pub(super) async fn load(&mut self, arm: Arm) -> Result<Vec<Measure>, Ended> {
        let options = self.options(arm);
        let step = Step::Load {
            slot: arm.name().into(),
            platform: self.cell.platform,
            model: self.source.clone(),
            work: self.ahead(&options),
            options,
        };
        match self.perform(step, self.cell.timeouts.load_s).await? {
            Outcome::Loaded { mut measures, memory, model } => {
                self.held.insert(arm, memory);
                // Every page loads anew; once is enough to be told.
                let warnings = model.warnings.into_iter().map(|text| (WARNING, text));
                for (level, text) in warnings.chain(model.fallbacks.into_iter().map(|text| (FALLBACK, text))) {
                    if self.warned.insert(text.clone()) {
                        self.say(level, text)?;
                    }
                }
                measures.push(Measure::bytes("fetched_bytes", model.fetched_bytes));
                Ok(measures)
            }
            _ => Err(unexpected("load")),
        }
    }

    /// The workload as it is timed.
    pub(super) async fn work(&mut self, arm: Arm) -> Result<Taken, Ended> {
        self.compute(self.reference.workload.timed(arm.name(), &self.reference.inputs)).await
    }

    /// What it takes to make features of sound, if some is heard.
    pub(super) async fn hear(&mut self, arm: Arm) -> Result<Option<Measure>, Ended> {
        let Some(step) = self.reference.workload.hear(arm.name(), &self.reference.inputs) else { return Ok(None) };
        match self.perform(step, self.cell.timeouts.cell_s).await? {
            Outcome::Inferred { measures, .. } => Ok(measures.into_iter().next()),
            _ => Err(unexpected("hear")),
        }
    }

    pub(super) async fn compute(&mut self, step: Step) -> Result<Taken, Ended> {
        let outcome = self.perform(step, self.cell.timeouts.cell_s).await?;
        Taken::of(outcome).ok_or_else(|| unexpected("infer"))
    }

    pub(super) async fn perform(&mut self, step: Step, limit_s: f64) -> Result<Outcome, Ended> {
        let Some(link) = &mut self.link else { return Err(Ended::Cell(Status::Crash, "no page is open".into())) };
        let outcome = link.perform(step, Duration::from_secs_f64(limit_s)).await;
        for note in link.notes() {
            match note {
                Note::Log { level, text } => self.say(&level, text)?,
                Note::Hidden => self.trust.hidden(),
            }
        }
        match outcome? {
            Outcome::Failed { kind, message } => Err(Ended::Cell(status_of(kind), message)),
            outcome => Ok(outcome),
        }
    }

    /// What shaders are precompiled for.
    fn ahead(&self, options: &Options) -> Vec<Work> {
        let Reference { workload, inputs, .. } = self.reference;
        if options.shader_precompile { vec![workload.ahead(inputs)] } else { Vec::new() }
    }

    pub(super) fn options(&self, arm: Arm) -> Options {
        match arm {
            Arm::Baseline => Options::default(),
            Arm::Treatment => {
                let mut options = self.cell.treatment.clone();
                if let Some(integer) = &mut options.integer {
                    integer.importance.clone_from(&self.importance);
                }
                options
            }
        }
    }

    /// Records numbers that a disturbance does not change: bytes, accuracy.
    pub(super) fn emit(
        &mut self,
        arm: Arm,
        block: u32,
        measures: impl IntoIterator<Item = Measure>,
    ) -> Result<(), Ended> {
        let samples: Vec<Event> = measures.into_iter().map(|measure| self.sample(arm, block, measure, true)).collect();
        self.record(&samples)
    }

    /// Records numbers of one block, whose times count only when nothing disturbed them.
    pub(super) fn emit_timed(
        &mut self,
        arm: Arm,
        block: u32,
        measures: impl IntoIterator<Item = Measure>,
        trusted: bool,
    ) -> Result<(), Ended> {
        let samples = self.timed(arm, block, measures, trusted);
        self.record(&samples)
    }

    /// Numbers of one block, whose times count only when nothing disturbed them.
    pub(super) fn timed(
        &self,
        arm: Arm,
        block: u32,
        measures: impl IntoIterator<Item = Measure>,
        trusted: bool,
    ) -> Vec<Event> {
        let sample = |measure: Measure| {
            let valid = trusted || measure.unit != "ms";
            self.sample(arm, block, measure, valid)
        };
        measures.into_iter().map(sample).collect()
    }

    fn sample(&self, arm: Arm, block: u32, measure: Measure, valid: bool) -> Event {
        Event::Sampled { cell: self.cell.id.clone(), attempt: self.number, arm, block, measure, valid }
    }

    /// Records samples that belong together: all of them or none.
    pub(super) fn record(&mut self, samples: &[Event]) -> Result<(), Ended> {
        Ok(self.listeners.tell_all(samples)?)
    }

    pub(super) fn say(&mut self, level: &str, text: String) -> Result<(), Ended> {
        let event = Event::Logged { cell: self.cell.id.clone(), level: level.into(), text };
        Ok(self.listeners.tell(&event)?)
    }

    /// Whether the times since the last look can be trusted; says why they can't.
    pub(super) fn look(&mut self) -> Result<bool, Ended> {
        let doubts = self.trust.look(self.session);
        for doubt in &doubts.said {
            self.say("warn", doubt.clone())?;
        }
        Ok(doubts.trusted)
    }
}

/// Baseline first in even blocks, treatment first in odd ones: drift hits both alike.
pub(super) fn order(block: u32) -> [Arm; 2] {
    if block.is_multiple_of(2) { [Arm::Baseline, Arm::Treatment] } else { [Arm::Treatment, Arm::Baseline] }
}

pub(super) fn status_of(kind: FailureKind) -> Status {
    match kind {
        FailureKind::Unsupported => Status::Unsupported,
        FailureKind::Device => Status::Crash,
        FailureKind::Model | FailureKind::OutOfMemory | FailureKind::Internal => Status::Fail,
    }
}

pub(super) fn unexpected(step: &str) -> Ended {
    Ended::Cell(Status::Fail, format!("the page's answer to '{step}' is not one"))
}
