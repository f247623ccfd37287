//! A plan on the CPU: step after step over the plan's buffers.

use std::{cell::Ref, ops::Range, rc::Rc};

use super::{Observer, Timed, input_bytes, output_tensor};
use crate::{
    clock,
    device::Buffer,
    error::{Error, Result},
    graph::{self, Op, Plan, Step},
    kernel::{self, Operand},
    protocol::Tensors,
    weights::{
        Weight, half,
        integer::{Layout, Matrix},
    },
};

/// Passes that are timed.
const TRACES: usize = 3;

/// A plan and its buffers.
pub struct CpuProgram {
    plan: Plan,
    buffers: Vec<Rc<Buffer>>,
    observer: Option<Rc<Observer>>,
}

/// An operand's memory while a step reads it.
enum Held<'a> {
    Plain(Ref<'a, [u32]>),
    Half(half::Layout, Ref<'a, [u32]>),
    Integer {
        layout: Layout,
        codes: Ref<'a, [u32]>,
        scales: Ref<'a, [u32]>,
        zeros: Option<Ref<'a, [u32]>>,
        order: Option<Ref<'a, [u32]>>,
    },
}

impl CpuProgram {
    /// A plan over its buffers.
    pub fn new(plan: Plan, buffers: Vec<Rc<Buffer>>) -> Self {
        Self { plan, buffers, observer: None }
    }

    /// Shows `observer` what goes into linear layers.
    pub fn observe(&mut self, observer: Rc<Observer>) {
        self.observer = Some(observer);
    }

    /// The plan's buffers.
    pub fn buffers(&self) -> &[Rc<Buffer>] {
        &self.buffers
    }

    /// One pass.
    pub fn run(&self, weights: &[Weight], inputs: &Tensors) -> Result<Tensors> {
        self.write(inputs)?;
        self.compute(0..self.plan.steps.len(), weights)?;
        self.outputs()
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Puts the inputs where the first step finds them.
    pub fn write(&self, inputs: &Tensors) -> Result<()> {
        self.plan.inputs.iter().try_for_each(|port| self.buffers[port.buffer].write(0, input_bytes(inputs, port)?))
    }

    /// Some of the steps.
    pub fn compute(&self, part: Range<usize>, weights: &[Weight]) -> Result<()> {
        self.plan.steps[part].iter().try_for_each(|step| self.step(step, weights))
    }

    /// The outputs, when every step was computed.
    pub fn outputs(&self) -> Result<Tensors> {
        let outputs = self.plan.outputs.iter();
        outputs.map(|port| Ok((port.name.clone(), output_tensor(port, &self.buffers[port.buffer].words()?)?))).collect()
    }

    /// What every step takes: the median of some passes.
    pub fn trace(&self, weights: &[Weight], inputs: &Tensors) -> Result<Vec<Timed>> {
        let mut times = vec![[0.0; TRACES]; self.plan.steps.len()];
        for pass in 0..TRACES {
            self.write(inputs)?;
            for (step, times) in self.plan.steps.iter().zip(&mut times) {
                let started = clock::now();
                self.step(step, weights)?;
                times[pass] = clock::now() - started;
            }
        }
        let timed = |(step, mut times): (&Step, [f64; TRACES])| {
            times.sort_by(f64::total_cmp);
            Timed { kernel: format!("{:?}", step.op), ms: times[TRACES / 2] }
        };
        Ok(self.plan.steps.iter().zip(times).map(timed).collect())
    }

    fn step(&self, step: &Step, weights: &[Weight]) -> Result<()> {
        self.perform(step, weights).map_err(|error| error.of(format!("{:?}", step.op)))
    }

    fn perform(&self, step: &Step, weights: &[Weight]) -> Result<()> {
        // An operation in place finds its first operand in the output.
        let operands = &step.operands[usize::from(step.op.in_place())..];
        let held = operands.iter().map(|operand| self.hold(operand, weights)).collect::<Result<Vec<_>>>()?;
        let views: Vec<Operand<'_>> = operands
            .iter()
            .zip(&held)
            .map(|(operand, held)| match held {
                Held::Plain(words) => Operand::words(operand.shape(), words),
                Held::Half(layout, words) => Operand::half(operand.shape(), *layout, words),
                Held::Integer { layout, codes, scales, zeros, order } => {
                    let (zeros, order) = (zeros.as_deref().unwrap_or_default(), order.as_deref().unwrap_or_default());
                    Operand::integer(operand.shape(), Matrix { layout: *layout, codes, scales, zeros, order })
                }
            })
            .collect();
        if let (Some(observer), Op::Linear { .. }) = (&self.observer, step.op)
            && let [x, graph::Operand::Param(weight), ..] = operands
            && let Some(Held::Plain(words)) = held.first()
        {
            let values: usize = x.shape().iter().product();
            let inputs = x.shape().last().copied().unwrap_or(1);
            observer.see(weight.id, inputs, bytemuck::cast_slice(&words[..values.min(words.len())]));
        }
        let mut words = self.buffers[step.output].words_mut()?;
        let out = words
            .get_mut(..step.shape.iter().product())
            .ok_or_else(|| Error::internal("a result is larger than its buffer"))?;
        kernel::cpu::run(step.op, &views, bytemuck::cast_slice_mut(out))
    }

    fn hold<'a>(&'a self, operand: &graph::Operand, weights: &'a [Weight]) -> Result<Held<'a>> {
        match operand {
            graph::Operand::Buffer { index, .. } => Ok(Held::Plain(self.buffers[*index].words()?)),
            graph::Operand::Param(param) => match &weights[param.id] {
                Weight::F32(values) => Ok(Held::Plain(values.words()?)),
                Weight::F16 { layout, halves } => Ok(Held::Half(*layout, halves.words()?)),
                Weight::Integer { layout, codes, scales, zeros, order, .. } => Ok(Held::Integer {
                    layout: *layout,
                    codes: codes.words()?,
                    scales: scales.words()?,
                    zeros: zeros.as_ref().map(Buffer::words).transpose()?,
                    order: order.as_deref().map(Buffer::words).transpose()?,
                }),
            },
        }
    }
}
