//! One attempt at one cell: baseline and treatment side by side in one page, measured in turns.
//!
//! 1. Both are loaded, several times, in alternating order.
//! 2. Both infer once: the first inference, whose outputs are compared with the f32 CPU reference.
//! 3. Both warm up: the workload once, its time discarded, what it held recorded.
//! 4. Blocks of one inference each, the order balanced over blocks, until the interval is narrow
//!    enough or the budget is spent.
//! 5. Memory is looked at from outside, each arm alone, never while something is timed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use matrix_engine::protocol::{FailureKind, Measure, Memory, ModelSource, Options, Outcome, Step, Tensors, Usage};

use super::event::{Arm, Event, Status};
use super::listener::Listeners;
use super::reference::Reference;
use super::times::Times;
use super::workload::Taken;
use crate::error::Error;
use crate::measure::{Accuracy, Agreement, Mismatch};
use crate::page::{Link, LinkError, Note};
use crate::plan::Cell;
use crate::session::Session;

/// The whole of what is timed.
const INFER_TIME: &str = "infer_time";
/// How often both arms are loaded: enough to see the spread, few enough for large models.
const LOADS: u32 = 3;
/// f32 on another device may differ from the CPU by rounding only.
const BASELINE_COSINE: f64 = 0.9999;
/// Below this a treatment computes something else.
const TREATMENT_COSINE: f64 = 0.8;

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

/// Everything an attempt needs.
pub(super) struct Attempt<'a> {
    pub(super) cell: &'a Cell,
    pub(super) number: u32,
    pub(super) source: ModelSource,
    pub(super) reference: &'a Reference,
    pub(super) link: &'a mut Link,
    pub(super) session: &'a mut dyn Session,
    pub(super) listeners: &'a mut Listeners,
    /// Whether the page was hidden since the last sample.
    pub(super) disturbed: bool,
    /// What each arm held at most since its last load.
    pub(super) held: BTreeMap<Arm, Memory>,
}

impl Attempt<'_> {
    /// Measures the cell.
    pub(super) async fn run(mut self) -> Result<(), Ended> {
        for note in &self.reference.notes {
            self.say("info", note.clone())?;
        }
        self.loads().await?;
        self.first_inferences().await?;
        self.warm_up().await?;
        self.blocks().await?;
        self.memory_alone().await
    }

    async fn loads(&mut self) -> Result<(), Ended> {
        for block in 0..LOADS {
            for arm in order(block) {
                self.load(arm, block).await?;
            }
        }
        Ok(())
    }

    async fn load(&mut self, arm: Arm, block: u32) -> Result<(), Ended> {
        let step = self.load_step(arm);
        let Outcome::Loaded { measures, memory, model } = self.perform(step, self.cell.timeouts.load_s).await? else {
            return Err(unexpected("load"));
        };
        self.held.insert(arm, memory);
        self.emit_all(arm, block, measures)?;
        self.emit(arm, block, Measure::bytes("fetched_bytes", model.fetched_bytes))
    }

    fn load_step(&self, arm: Arm) -> Step {
        Step::Load {
            slot: arm.name().into(),
            platform: self.cell.platform,
            model: self.source.clone(),
            options: self.options(arm),
        }
    }

    async fn first_inferences(&mut self) -> Result<(), Ended> {
        for arm in order(0) {
            let step = self.reference.workload.check(arm.name(), &self.reference.inputs);
            let first = self.compute(step).await?;
            self.emit(arm, 0, Measure::ms("first_infer_time", first.total_ms))?;
            self.hold(arm, first.memory);
            let accuracy = self.accuracy(arm, &first.outputs)?;
            let (least, what) = match arm {
                Arm::Baseline => (BASELINE_COSINE, "f32 output"),
                Arm::Treatment => (TREATMENT_COSINE, "optimized output"),
            };
            if accuracy.cosine < least {
                let reason = format!(
                    "wrong numbers: cosine {:.6} between the {what} and the f32 CPU reference, at least {least} expected",
                    accuracy.cosine
                );
                return Err(Ended::Cell(Status::Fail, reason));
            }
        }
        Ok(())
    }

    async fn warm_up(&mut self) -> Result<(), Ended> {
        for arm in order(0) {
            let step = self.reference.workload.timed(arm.name(), &self.reference.inputs);
            let warm = self.compute(step).await?;
            self.hold(arm, warm.memory);
            self.emit_memory(arm)?;
        }
        Ok(())
    }

    async fn blocks(&mut self) -> Result<(), Ended> {
        let started = Instant::now();
        let mut times = Times::default();
        for block in 1.. {
            for arm in order(block) {
                let step = self.reference.workload.timed(arm.name(), &self.reference.inputs);
                let taken = self.compute(step).await?;
                let whole = Measure::ms(INFER_TIME, taken.total_ms);
                for measure in std::iter::once(whole).chain(taken.parts) {
                    times.add(arm, block, &measure);
                    self.emit(arm, block, measure)?;
                }
            }
            if let Some(reason) = times.stop(self.cell, started.elapsed()) {
                let (cell, attempt) = (self.cell.id.clone(), self.number);
                return Ok(self.listeners.tell(&Event::SamplingStopped { cell, attempt, blocks: block, reason })?);
            }
        }
        Ok(())
    }

    /// Memory from outside counts the whole page, so each arm has it for itself.
    async fn memory_alone(&mut self) -> Result<(), Ended> {
        for arm in [Arm::Baseline, Arm::Treatment] {
            self.unload(arm).await?;
        }
        for arm in [Arm::Baseline, Arm::Treatment] {
            self.perform(self.load_step(arm), self.cell.timeouts.load_s).await?;
            let step = self.reference.workload.timed(arm.name(), &self.reference.inputs);
            self.compute(step).await?;
            let measures = self.session.memory().await;
            self.emit_all(arm, 0, measures)?;
            self.unload(arm).await?;
        }
        Ok(())
    }

    async fn unload(&mut self, arm: Arm) -> Result<(), Ended> {
        let step = Step::Unload { slot: arm.name().into() };
        self.perform(step, self.cell.timeouts.load_s).await.map(|_| ())
    }

    async fn compute(&mut self, step: Step) -> Result<Taken, Ended> {
        let outcome = self.perform(step, self.cell.timeouts.cell_s).await?;
        Taken::of(outcome).ok_or_else(|| unexpected("infer"))
    }

    async fn perform(&mut self, step: Step, limit_s: f64) -> Result<Outcome, Ended> {
        let outcome = self.link.perform(step, Duration::from_secs_f64(limit_s)).await;
        for note in self.link.notes() {
            match note {
                Note::Log { level, text } => self.say(&level, text)?,
                Note::Hidden => self.disturbed = true,
            }
        }
        match outcome? {
            Outcome::Failed { kind, message } => Err(Ended::Cell(status_of(kind), message)),
            outcome => Ok(outcome),
        }
    }

    fn options(&self, arm: Arm) -> Options {
        match arm {
            Arm::Baseline => Options::default(),
            Arm::Treatment => self.cell.treatment.clone(),
        }
    }

    /// Compares the output with the reference and records how near it is.
    fn accuracy(&mut self, arm: Arm, outputs: &Tensors) -> Result<Accuracy, Ended> {
        let name = self.reference.workload.compared();
        let both = self.reference.expected.get(name).zip(outputs.get(name));
        let (expected, got) = both.ok_or_else(|| Ended::Cell(Status::Fail, format!("the page left out '{name}'")))?;
        let wrong_shape = |error: Mismatch| Ended::Cell(Status::Fail, format!("wrong output '{name}': {error}"));
        let accuracy = Accuracy::of(expected, got).map_err(wrong_shape)?;
        let mut measures = accuracy.measures();
        if self.reference.workload.is_logits() {
            measures.extend(Agreement::of(expected, got).map_err(wrong_shape)?.measures());
        }
        self.emit_all(arm, 0, measures)?;
        Ok(accuracy)
    }

    /// Takes note of what an arm holds now and held at most.
    fn hold(&mut self, arm: Arm, now: Memory) {
        let held = self.held.entry(arm).or_default();
        let join = |before: Usage, now: Usage| Usage { live: now.live, peak: now.peak.max(before.peak) };
        held.total = join(held.total, now.total);
        for (category, usage) in now.categories {
            let before = held.categories.entry(category).or_default();
            *before = join(*before, usage);
        }
    }

    /// What an arm holds, and held at most from its load to the end of its warm-up.
    fn emit_memory(&mut self, arm: Arm) -> Result<(), Ended> {
        let Memory { categories, total } = self.held.remove(&arm).unwrap_or_default();
        self.emit(arm, 0, Measure::bytes("memory_live", total.live))?;
        self.emit(arm, 0, Measure::bytes("memory_peak", total.peak))?;
        let peak = |(category, usage): (String, Usage)| Measure::bytes(&format!("memory_peak.{category}"), usage.peak);
        self.emit_all(arm, 0, categories.into_iter().map(peak))
    }

    fn emit_all(&mut self, arm: Arm, block: u32, measures: impl IntoIterator<Item = Measure>) -> Result<(), Ended> {
        measures.into_iter().try_for_each(|measure| self.emit(arm, block, measure))
    }

    fn emit(&mut self, arm: Arm, block: u32, measure: Measure) -> Result<(), Ended> {
        let valid = !std::mem::take(&mut self.disturbed);
        let event = Event::Sampled { cell: self.cell.id.clone(), attempt: self.number, arm, block, measure, valid };
        Ok(self.listeners.tell(&event)?)
    }

    fn say(&mut self, level: &str, text: String) -> Result<(), Ended> {
        let event = Event::Logged { cell: self.cell.id.clone(), level: level.into(), text };
        Ok(self.listeners.tell(&event)?)
    }
}

/// Baseline first in even blocks, treatment first in odd ones: drift hits both alike.
fn order(block: u32) -> [Arm; 2] {
    if block.is_multiple_of(2) { [Arm::Baseline, Arm::Treatment] } else { [Arm::Treatment, Arm::Baseline] }
}

pub(super) fn status_of(kind: FailureKind) -> Status {
    match kind {
        FailureKind::Unsupported => Status::Unsupported,
        FailureKind::Device => Status::Crash,
        FailureKind::Model | FailureKind::OutOfMemory | FailureKind::Internal => Status::Fail,
    }
}

fn unexpected(step: &str) -> Ended {
    Ended::Cell(Status::Fail, format!("the page's answer to '{step}' is not one"))
}
