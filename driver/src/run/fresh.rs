//! What only a page that has done nothing yet can tell: load and first inference, and what one arm alone holds.

use std::time::{Duration, Instant};

use matrix_engine::protocol::{Measure, Memory, Outcome, Step, Tensor, Tensors, Usage};

use super::attempt::{Attempt, Ended, order, unexpected};
use super::event::{Arm, Event, Status};
use super::reference::Reference;
use crate::error::Error;
use crate::machine::Energy;
use crate::measure::{Accuracy, Agreement, Metric, Mismatch, Ranking};
use crate::plan::Profile;

/// f32 on another device may differ from the CPU by rounding only.
const BASELINE_COSINE: f64 = 0.9999;
/// Below this a treatment computes something else.
const TREATMENT_COSINE: f64 = 0.8;
/// Categories of memory that are not on the device.
const BESIDE: [&str; 2] = ["in_flight", "offloaded"];
/// The system counts CPU time in steps of 10 ms: so much work makes them small.
const CPU_WORK: Duration = Duration::from_millis(400);
/// Never more than so many computations for one figure of CPU time.
const CPU_REPEATS: u32 = 16;

impl Attempt<'_> {
    /// Fresh pages in blocks of two, one arm on each.
    pub(super) async fn fresh_pages(&mut self) -> Result<(), Ended> {
        for block in 0..self.cell.sampling.pages {
            for arm in order(block) {
                self.fresh_browser().await?;
                self.fresh_page().await?;
                self.first_times(arm, block).await?;
                if block == 0 {
                    self.alone(arm).await?;
                    self.check_lengths(arm).await?;
                }
            }
        }
        Ok(())
    }

    /// Load and first inference.
    async fn first_times(&mut self, arm: Arm, block: u32) -> Result<(), Ended> {
        let mut measures = self.load(arm).await?;
        let step = self.reference.workload.first(arm.name(), &self.reference.inputs);
        let first = self.compute(step).await?;
        // Where the two overlap, a load ends when all but the weights is there; when they are, the work tells.
        let load = ["load_time", "open_time"].iter().find_map(|name| measures.iter().find(|it| it.metric == *name));
        let load = load.map_or(0.0, |measure| measure.value);
        measures.extend(first.loaded);
        measures.push(Measure::ms("first_infer_time", first.total_ms));
        measures.push(Measure::ms("time_to_first_infer", load + first.total_ms));
        let misses = first.shaders.iter().find(|measure| measure.metric == "shader_misses").map_or(0.0, |m| m.value);
        measures.extend(first.shaders);
        // Earlier cells have warmed a used browser for the baseline, and not for the treatment. So there the first page
        // of each arm only warms up, if another follows.
        let sampling = &self.cell.sampling;
        if block == 0 && sampling.profile == Profile::Warm && sampling.pages > 1 {
            measures.retain(|measure| measure.unit != "ms");
        }
        let trusted = self.look()?;
        self.emit_timed(arm, block, measures, trusted)?;
        if misses > 0.0 && self.options(arm).shader_precompile {
            let reason = format!("{misses} shaders were compiled during the first inference, not before it");
            return Err(Ended::Cell(Status::Fail, reason));
        }
        if block > 0 {
            return Ok(());
        }
        self.hold(arm, first.memory);
        self.check(arm).await
    }

    /// Compares what an arm computes with the reference.
    async fn check(&mut self, arm: Arm) -> Result<(), Ended> {
        let outputs = self.outputs(arm, self.reference).await?;
        let accuracy = self.accuracy(arm, &outputs)?;
        let (least, what) = match arm {
            Arm::Baseline => (BASELINE_COSINE, "f32 output"),
            Arm::Treatment => (TREATMENT_COSINE, "optimized output"),
        };
        // NaN is wrong, too.
        if accuracy.cosine >= least {
            return Ok(());
        }
        let reason = format!(
            "wrong numbers: cosine {:.6} between the {what} and the f32 CPU reference, at least {least} expected",
            accuracy.cosine
        );
        Err(Ended::Cell(Status::Fail, reason))
    }

    /// What an arm computes of a reference's inputs, along its way.
    async fn outputs(&mut self, arm: Arm, reference: &Reference) -> Result<Tensors, Ended> {
        let Reference { workload, inputs, ids, .. } = reference;
        Ok(self.compute(workload.check(arm.name(), inputs, ids)).await?.outputs)
    }

    /// Compares what an arm computes after prompts of other lengths. The last thing on a page: the longer ones take
    /// memory that has been looked at by then.
    async fn check_lengths(&mut self, arm: Arm) -> Result<(), Ended> {
        for reference in self.lengths {
            let Some(tokens) = reference.prompt() else { continue };
            let outputs = self.outputs(arm, reference).await?;
            let (expected, got) = compared(reference, &outputs)?;
            let agreement = Agreement::of(expected, got).map_err(|error| wrong_shape(reference, &error))?;
            let measures = agreement.measures().into_iter();
            self.emit(arm, 0, measures.map(|it| Measure { metric: Metric::at(&it.metric, tokens), ..it }))?;
        }
        Ok(())
    }

    /// Memory and CPU time of an arm that has its page for itself. Nothing is timed meanwhile.
    async fn alone(&mut self, arm: Arm) -> Result<(), Ended> {
        let warm = self.work(arm).await?;
        self.hold(arm, warm.memory);
        self.emit(arm, 0, warm.traffic)?;
        self.emit_memory(arm)?;
        if self.cell.sampling.memory_profile {
            self.keep_timeline(arm).await?;
        }
        let consumed = self.consumption(arm).await?;
        self.emit(arm, 0, consumed)?;
        let Outcome::Footprint { measures } = self.perform(Step::Footprint, self.cell.timeouts.cell_s).await? else {
            return Err(unexpected("footprint"));
        };
        self.emit(arm, 0, measures)?;
        // A software adapter holds memory of its process, which is known without asking the browser.
        let on_gpu = self.cell.platform.is_gpu() && !self.trust.software();
        let outside = self.session.memory(on_gpu).await;
        self.emit(arm, 0, outside)
    }

    /// CPU time of all processes of the browser and energy of the machine, per computation, where the system tells.
    async fn consumption(&mut self, arm: Arm) -> Result<Vec<Measure>, Ended> {
        let (started, cpu, energy) = (Instant::now(), self.session.cpu_time(), Energy::now());
        let mut repeats = 0;
        while repeats == 0 || (started.elapsed() < CPU_WORK && repeats < CPU_REPEATS) {
            self.work(arm).await?;
            repeats += 1;
        }
        let each = |total: f64| total / f64::from(repeats);
        let cpu = cpu.zip(self.session.cpu_time()).map(|(before, after)| after.saturating_sub(before));
        let joules = energy.zip(Energy::now()).and_then(|(before, after)| before.joules_until(&after));
        let cpu = cpu.map(|cpu| Measure::ms("cpu_time", each(cpu.as_secs_f64() * 1e3)));
        let energy = joules.map(|joules| Measure { metric: "energy".into(), value: each(joules), unit: "J".into() });
        Ok(cpu.into_iter().chain(energy).collect())
    }

    /// Compares the output with the reference and records how near it is.
    fn accuracy(&mut self, arm: Arm, outputs: &Tensors) -> Result<Accuracy, Ended> {
        let (expected, got) = compared(self.reference, outputs)?;
        let wrong_shape = |error: Mismatch| wrong_shape(self.reference, &error);
        let accuracy = Accuracy::of(expected, got).map_err(wrong_shape)?;
        let mut measures = accuracy.measures();
        if self.reference.workload.is_logits() {
            measures.extend(Agreement::of(expected, got).map_err(wrong_shape)?.measures());
        }
        if self.reference.workload.is_embedding() {
            measures.extend(Ranking::of(expected, got).map_err(wrong_shape)?.map(|ranking| ranking.measure()));
        }
        self.emit(arm, 0, measures)?;
        Ok(accuracy)
    }

    /// Takes note of what an arm holds now and held at most.
    fn hold(&mut self, arm: Arm, now: Memory) {
        let held = self.held.entry(arm).or_default();
        let join = |before: Usage, now: Usage| Usage { live: now.live, peak: now.peak.max(before.peak) };
        held.total = join(held.total, now.total);
        held.whole = join(held.whole, now.whole);
        for (category, usage) in now.categories {
            let before = held.categories.entry(category).or_default();
            *before = join(*before, usage);
        }
    }

    /// Keeps how the memory of an arm went, as JSON.
    async fn keep_timeline(&mut self, arm: Arm) -> Result<(), Ended> {
        let step = Step::Timeline { slot: arm.name().into() };
        let Outcome::Timeline { timeline } = self.perform(step, self.cell.timeouts.cell_s).await? else {
            return Err(unexpected("timeline"));
        };
        let bytes = serde_json::to_vec(&timeline)
            .map_err(|error| Error::internal("a timeline can't be written").because(error))?;
        let kind = format!("memory-{}", arm.name());
        Ok(self.listeners.tell(&Event::Kept { cell: self.cell.id.clone(), kind, bytes })?)
    }

    /// What an arm holds, and held at most from its load to the end of its warm-up.
    fn emit_memory(&mut self, arm: Arm) -> Result<(), Ended> {
        let Memory { categories, total, whole } = self.held.remove(&arm).unwrap_or_default();
        let totals = [
            Measure::bytes("memory_live", total.live),
            Measure::bytes("memory_peak", total.peak),
            Measure::bytes("whole_peak", whole.peak),
        ];
        let peak = |(category, usage): (String, Usage)| {
            let sum = if BESIDE.contains(&category.as_str()) { "whole_peak" } else { "memory_peak" };
            Measure::bytes(&format!("{sum}.{category}"), usage.peak)
        };
        self.emit(arm, 0, totals.into_iter().chain(categories.into_iter().map(peak)))
    }
}

/// What should have come out, and what did.
fn compared<'a>(reference: &'a Reference, outputs: &'a Tensors) -> Result<(&'a Tensor, &'a Tensor), Ended> {
    let name = reference.workload.compared();
    let both = reference.expected.get(name).zip(outputs.get(name));
    both.ok_or_else(|| Ended::Cell(Status::Fail, format!("the page left out '{name}'")))
}

fn wrong_shape(reference: &Reference, error: &Mismatch) -> Ended {
    Ended::Cell(Status::Fail, format!("wrong output '{}': {error}", reference.workload.compared()))
}
