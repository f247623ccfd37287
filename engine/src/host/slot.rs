//! A loaded model, and what is kept of one pass for the next.

use std::{borrow::Cow, rc::Rc};

use crate::{
    clock,
    device::{Lookups, Space},
    error::{Error, Result},
    forward,
    front_end::{self, FrontEnd, Heard},
    generate::{self, Generated, Generation, Plans},
    model::Model,
    program::{Observer, Program, States},
    protocol::{Decode, Measure, Options, Tensors},
    weights::{Declared, Store, Traffic, coming::Arrived},
};

/// A loaded model.
pub(super) struct Slot {
    pub(super) model: Box<dyn Model>,
    // Buffers go before the account they are counted in.
    pub(super) program: Option<(ProgramKey, Program)>,
    pub(super) generation: Option<Generation>,
    pub(super) front_end: Option<FrontEnd>,
    pub(super) store: Store,
    pub(super) declared: Vec<Declared>,
    /// Who is shown what goes into linear layers.
    pub(super) observer: Option<Rc<Observer>>,
    pub(super) options: Options,
    /// Milliseconds that its load took.
    pub(super) open_ms: f64,
    pub(super) space: Space,
}

/// What a program depends on: the shapes of the inputs, and the outputs.
#[derive(PartialEq)]
pub(super) struct ProgramKey {
    pub(super) inputs: Vec<(String, Vec<usize>)>,
    pub(super) resident: Vec<String>,
    pub(super) outputs: Vec<String>,
}

impl Slot {
    /// Behind the first pass, which started at `started`: waits for weights that it did not need, and tells what all of
    /// them took. What follows is as if they had been there from the start.
    pub(super) async fn settle(&mut self, started: f64) -> Result<Vec<Measure>> {
        let Some(coming) = self.store.coming.clone() else { return Ok(Vec::new()) };
        let Arrived { at, cost, early } = coming.finish().await?;
        self.store.coming = None;
        // They run in stages, or could.
        self.program = None;
        self.generation = None;
        let mut measures = super::arrived(self.open_ms + (at - started).max(0.0), &cost, &coming.remarks());
        measures.push(Measure::count("early_stages", early));
        Ok(measures)
    }

    /// How many shaders were there when they were needed, and how many had to be compiled first.
    pub(super) fn shaders_since(&self, before: Lookups) -> [Measure; 2] {
        let now = self.space.device().lookups();
        [
            Measure::count("shader_hits", now.hits - before.hits),
            Measure::count("shader_misses", now.misses - before.misses),
        ]
    }

    /// What weights that come and go did since the last call.
    pub(super) fn traffic(&self) -> Vec<Measure> {
        let Some(Traffic { hits, misses, moved_bytes }) = self.store.residency.as_ref().map(|r| r.take_traffic())
        else {
            return Vec::new();
        };
        vec![
            Measure::count("weight_hits", usize::try_from(hits).unwrap_or(usize::MAX)),
            Measure::count("weight_misses", usize::try_from(misses).unwrap_or(usize::MAX)),
            Measure::bytes("moved_bytes", moved_bytes),
        ]
    }

    /// Inputs as the model takes them, and those of them that are on the device.
    pub(super) async fn hear<'a>(&mut self, inputs: &'a Tensors) -> Result<(Cow<'a, Tensors>, States)> {
        if !inputs.contains_key(front_end::SAMPLES) {
            return Ok((Cow::Borrowed(inputs), States::new()));
        }
        let front_end = self.front_end.as_mut().ok_or_else(deaf)?;
        let Heard { inputs, resident, moved } = front_end.hear(inputs, &self.space).await?;
        if moved {
            // They are bound to the buffer before.
            self.program = None;
            self.generation = None;
        }
        Ok((Cow::Owned(inputs), resident))
    }

    pub(super) async fn infer(&mut self, inputs: &Tensors, outputs: Vec<String>) -> Result<Tensors> {
        let (inputs, resident) = self.hear(inputs).await?;
        let inputs = self.model.prepare(&inputs)?;
        let shapes = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect();
        let key = ProgramKey { inputs: shapes, resident: names(&resident), outputs };
        if self.program.as_ref().is_none_or(|(cached, _)| *cached != key) {
            // The old program's buffers go first: two never have to fit.
            self.program = None;
            self.generation = None;
            let plan = forward::plan(&*self.model, &inputs, &key.resident, &key.outputs, &self.options)?;
            let mut program = Program::of(plan, &self.store, &resident, &self.space).await?;
            if let Some(observer) = &self.observer {
                program.observe(observer.clone())?;
            }
            self.program = Some((key, program));
        }
        match &self.program {
            Some((_, program)) => program.run(&self.store.weights, &inputs).await,
            None => Err(Error::internal("no program")),
        }
    }

    /// What came of a prompt, and the milliseconds it took to make ready for its shape.
    pub(super) async fn generate(
        &mut self,
        inputs: &Tensors,
        resident: &States,
        decode: &Decode,
        outputs: &[String],
    ) -> Result<(Generated, f64)> {
        let started = clock::now();
        let Some(model) = self.model.generator() else {
            return Err(Error::unsupported("this model does not continue text"));
        };
        let prompt = generate::prompt(model, inputs, decode)?;
        let names = names(resident);
        if !self.generation.as_ref().is_some_and(|generation| generation.fits(&prompt, decode, outputs, &names)) {
            self.program = None;
            self.generation = None;
            let plans = Plans::new(model, &prompt, (decode, outputs), &self.options, &names)?;
            self.generation = Some(Generation::new(plans, &self.store, &self.space, resident).await?);
        }
        let made_ms = clock::now() - started;
        match &self.generation {
            Some(generation) => Ok((generation.run(&prompt, decode, &self.store.weights).await?, made_ms)),
            None => Err(Error::internal("no program")),
        }
    }
}

/// Names of what is on the device.
fn names(resident: &States) -> Vec<String> {
    resident.keys().cloned().collect()
}

pub(super) fn deaf() -> Error {
    Error::unsupported("this model has no audio front end")
}
