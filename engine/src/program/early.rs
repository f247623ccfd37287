//! A plan whose weights are still on their way: stage after stage, each as soon as its weights have arrived. Once all
//! have, it is one stage.

use std::{cell::RefCell, rc::Rc};

use super::{
    Computing, Program,
    staged::{Stage, stages},
};
use crate::{
    device::Space,
    error::Result,
    protocol::Tensors,
    weights::{Coming, Weight},
};

/// A plan in stages, until its weights are there.
pub struct EarlyProgram {
    program: Program,
    coming: Rc<Coming>,
    stages: Vec<Stage>,
    whole: RefCell<Option<Computing>>,
    space: Space,
}

impl EarlyProgram {
    /// Stages of a program that has nothing recorded. Each has weights of about one chunk.
    pub(super) fn new(program: Program, coming: &Rc<Coming>, space: &Space) -> Result<Self> {
        let stages = stages(program.plan()?, coming.chunk(), |number| coming.weights()[number].bytes());
        Ok(Self { program, coming: coming.clone(), stages, whole: RefCell::default(), space: space.clone() })
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// One pass.
    pub(super) async fn run(&self, inputs: &Tensors) -> Result<Tensors> {
        self.program.write(inputs)?;
        if self.coming.is_done() {
            self.compute_whole(self.coming.weights())?;
            return self.program.outputs().await;
        }
        // A GPU may still compute a stage when the next is handed to it: what they bind stays until it is done.
        let mut computing = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            self.coming.until(&stage.weights).await?;
            computing.push(self.program.compute(stage.steps.clone(), self.coming.weights(), &self.space)?);
            self.coming.computed();
        }
        self.program.outputs().await
    }

    /// All steps, recorded once.
    fn compute_whole(&self, weights: &[Weight]) -> Result<()> {
        let mut whole = self.whole.borrow_mut();
        match &*whole {
            Some(computing) if self.program.compute_again(computing) => {}
            _ => *whole = Some(self.program.compute(0..self.program.plan()?.steps.len(), weights, &self.space)?),
        }
        Ok(())
    }
}
