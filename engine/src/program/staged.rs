//! A plan whose weights come and go: stage after stage, each with as many steps as its weights allow. While one
//! computes, the weights of the next are brought.

use std::{ops::Range, rc::Rc};

use futures_util::future::join;

use super::{Computing, Program};
use crate::{
    device::{Device, Space},
    error::Result,
    graph::{Operand, Plan},
    protocol::Tensors,
    weights::Residency,
};

/// A plan in stages.
pub struct StagedProgram {
    program: Program,
    residency: Rc<Residency>,
    space: Space,
}

/// Steps, and the weights they read.
#[derive(Debug, PartialEq)]
pub(super) struct Stage {
    pub(super) steps: Range<usize>,
    pub(super) weights: Vec<usize>,
}

impl StagedProgram {
    /// Stages of a program that has nothing recorded.
    pub(super) fn new(program: Program, residency: &Rc<Residency>, space: &Space) -> Self {
        Self { program, residency: residency.clone(), space: space.clone() }
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// One pass.
    pub(super) async fn run(&self, inputs: &Tensors) -> Result<Tensors> {
        self.program.write(inputs)?;
        // What else is held differs from pass to pass, and with it the room for weights.
        let room = self.residency.room() / 2;
        let weigh = |number| if self.residency.moves(number) { self.residency.bytes(number) } else { 0 };
        let stages = stages(self.program.plan()?, room, weigh);
        for (index, stage) in stages.iter().enumerate() {
            let next = stages.get(index + 1).map_or(&[][..], |next| &next.weights);
            self.residency.bring(&stage.weights).await?;
            // A GPU computes while the next weights are brought. A CPU does nothing else while it computes, so there
            // requests are on their way before.
            let mut computing = None;
            if !matches!(self.space.device(), Device::Cpu) {
                computing = Some(self.compute(stage)?);
            }
            let bring =
                async { if next.is_empty() { Ok(()) } else { self.residency.bring_ahead(next, &stage.weights).await } };
            let compute = async {
                if computing.is_none() {
                    computing = Some(self.compute(stage)?);
                }
                self.space.finish().await
            };
            let (ahead, computed) = join(bring, compute).await;
            computed?;
            ahead?;
            self.residency.used(&stage.weights, next)?;
        }
        self.program.outputs().await
    }

    fn compute(&self, stage: &Stage) -> Result<Computing> {
        self.program.compute(stage.steps.clone(), &self.residency.weights(), &self.space)
    }
}

/// As many steps in each stage as have weights of `room` bytes together, and at least one.
pub(super) fn stages(plan: &Plan, room: u64, weigh: impl Fn(usize) -> u64) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut held = 0;
    for (index, step) in plan.steps.iter().enumerate() {
        let params = step.operands.iter().filter_map(|operand| match operand {
            Operand::Param(param) => Some(param.id),
            Operand::Buffer { .. } => None,
        });
        let mut new: Vec<usize> = params.collect();
        new.sort_unstable();
        new.dedup();
        let known = |stage: &Stage, number: &usize| stage.weights.contains(number);
        let more: u64 = match stages.last() {
            Some(stage) => new.iter().filter(|number| !known(stage, number)).map(|&number| weigh(number)).sum(),
            None => 0,
        };
        match stages.last_mut() {
            Some(stage) if held + more <= room || more == 0 => {
                new.retain(|number| !stage.weights.contains(number));
                stage.weights.extend(new);
                stage.steps.end = index + 1;
                held += more;
            }
            _ => {
                held = new.iter().map(|&number| weigh(number)).sum();
                stages.push(Stage { steps: index..index + 1, weights: new });
            }
        }
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Element, Graph};
    use crate::weights::Param;

    #[test]
    fn stages_hold_what_fits_and_at_least_one_step() {
        let mut graph = Graph::new();
        let mut x = graph.input("x", &[1, 8], Element::F32);
        for id in [0, 1, 1, 2, 3, 4] {
            let (weight, bias) = (Param { id, shape: vec![8, 8] }, Param { id: 5, shape: vec![8] });
            x = graph.linear(x, &weight, &bias, None).expect("shapes fit");
        }
        graph.output("x", x);
        let plan = Plan::new(&graph, &["x".into()]).expect("plans");
        let made = |room| stages(&plan, room, |id| [100, 100, 100, 1000, 100, 0][id]);
        let weights = |room| {
            let stages = made(room).into_iter();
            stages.map(|stage| stage.weights.into_iter().filter(|id| *id != 5).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(weights(200), [vec![0, 1], vec![2], vec![3], vec![4]]);
        assert_eq!(weights(0), [vec![0], vec![1], vec![2], vec![3], vec![4]]);
        assert_eq!(weights(5000), [vec![0, 1, 2, 3, 4]]);
        let steps: Vec<_> = made(200).into_iter().map(|stage| stage.steps).collect();
        assert_eq!(steps, [0..3, 3..4, 4..5, 5..6]);
    }
}
