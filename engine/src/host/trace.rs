//! A computation once more, every operation by itself.

use super::{Host, Slot};
use crate::{
    clock,
    error::{Error, Result},
    generate,
    program::Timed,
    protocol::{Decode, Outcome, Tensors, Traced},
};

impl Host {
    pub(super) async fn trace(
        &mut self,
        name: &str,
        inputs: &Tensors,
        outputs: Vec<String>,
        decode: Option<&Decode>,
    ) -> Result<Outcome> {
        let Some(slot) = self.slots.get_mut(name) else {
            return Err(Error::internal("no model is loaded in this slot").found(format!("'{name}'")));
        };
        // Nothing is timed while weights come.
        slot.settle(clock::now()).await?;
        let traced = slot.trace(inputs, outputs, decode).await;
        // What is bound to buffers without use must not be asked again.
        slot.program = None;
        slot.generation = None;
        Ok(Outcome::Traced { operations: traced? })
    }
}

impl Slot {
    async fn trace(&mut self, inputs: &Tensors, outputs: Vec<String>, decode: Option<&Decode>) -> Result<Vec<Traced>> {
        let mut traced = match decode {
            None => self.trace_pass(inputs, outputs).await?,
            Some(decode) => self.trace_generation(inputs, &outputs, decode).await?,
        };
        // Last, because the passes read features.
        if let Some(front_end) = &mut self.front_end
            && let Some((clock, timed)) = front_end.trace(inputs, &self.space).await?
        {
            traced.extend(together("hear", clock, timed));
        }
        Ok(traced)
    }

    async fn trace_pass(&mut self, inputs: &Tensors, outputs: Vec<String>) -> Result<Vec<Traced>> {
        self.infer(inputs, outputs).await?;
        let (inputs, _) = self.hear(inputs).await?;
        let inputs = self.model.prepare(&inputs)?;
        let Some((_, program)) = &self.program else { return Err(Error::internal("no program")) };
        let timed = program.trace(&self.store.weights, &inputs, &self.space).await?;
        Ok(together("infer", program.clock(), timed))
    }

    async fn trace_generation(&mut self, inputs: &Tensors, outputs: &[String], decode: &Decode) -> Result<Vec<Traced>> {
        let (inputs, resident) = self.hear(inputs).await?;
        self.generate(&inputs, &resident, decode, outputs).await?;
        let model = self.model.generator().ok_or_else(|| Error::internal("no generator"))?;
        let prompt = generate::prompt(model, &inputs, decode)?;
        let Some(generation) = &self.generation else { return Err(Error::internal("no program")) };
        let passes = generation.trace(&prompt, decode, &self.store.weights, &self.space).await?;
        Ok(passes.into_iter().flat_map(|(pass, clock, timed)| together(pass, clock, timed)).collect())
    }
}

/// Operations of one kind as one, what takes longest first.
fn together(pass: &str, clock: &str, timed: Vec<Timed>) -> Vec<Traced> {
    let mut kinds: Vec<Traced> = Vec::new();
    for Timed { kernel, ms } in timed {
        if let Some(kind) = kinds.iter_mut().find(|kind| kind.kernel == kernel) {
            kind.count += 1;
            kind.ms += ms;
        } else {
            kinds.push(Traced { pass: pass.into(), kernel, count: 1, ms, clock: clock.into() });
        }
    }
    kinds.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    kinds
}
