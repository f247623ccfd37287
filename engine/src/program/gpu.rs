//! A plan on a GPU: all dispatches recorded once, and submitted for every pass.

use std::{collections::HashMap, ops::Range, rc::Rc};

use super::{
    Timed, input_bytes,
    reading::{Reading, Staging},
    trace,
};
use crate::{
    device::{
        Buffer, Category, Space,
        gpu::{Capability, Gpu, Pipeline},
    },
    error::{Error, Result},
    graph::{self, Plan, Port, Step},
    kernel::{
        gpu::{Dispatch, Memory, Operand, Part, dispatch},
        grouped::enter::with_shared_entry,
        linear::{self, gpu::Packed, stack::with_stacked_layers},
        shader::{Access, Kernel},
    },
    protocol::Tensors,
    weights::Weight,
};

/// A plan, its buffers, and its dispatches with everything bound.
pub struct GpuProgram {
    plan: Plan,
    gpu: Rc<Gpu>,
    buffers: Vec<Rc<Buffer>>,
    // Bound by the dispatches.
    packed: Option<Packed>,
    staging: Staging,
    /// The output that a later pass finds in one of its inputs.
    feed: Option<Feed>,
    /// All dispatches; none of a program whose weights come and go.
    recording: Option<Recording>,
}

/// Indices of an output and an input of a plan.
struct Feed {
    output: usize,
    input: usize,
}

/// Dispatches that are submitted together: the GPU computes them while those behind them are still on their way. A pass
/// of 320 takes Chrome on an H200 3.0 ms in such parts, and 4.1 ms as a whole.
const TOGETHER: usize = 40;

/// Dispatches with everything bound.
pub struct Recording {
    // Bound by the dispatches.
    _params: Buffer,
    dispatches: Vec<Bound>,
}

struct Bound {
    kernel: Kernel,
    pipeline: Rc<Pipeline>,
    group: wgpu::BindGroup,
    grid: [u32; 3],
}

impl GpuProgram {
    /// Creates pipelines and bind groups.
    pub async fn new(
        plan: Plan,
        buffers: Vec<Rc<Buffer>>,
        weights: &[Weight],
        space: &Space,
        gpu: &Rc<Gpu>,
    ) -> Result<Self> {
        let mut program = Self::bare(plan, buffers, weights, space, gpu)?;
        program.recording = Some(program.record(0..program.plan.steps.len(), weights, space)?);
        gpu.finish().await?;
        Ok(program)
    }

    /// Everything but the dispatches. Of the weights only formats are asked.
    pub fn bare(
        plan: Plan,
        buffers: Vec<Rc<Buffer>>,
        weights: &[Weight],
        space: &Space,
        gpu: &Rc<Gpu>,
    ) -> Result<Self> {
        let packed = packed(&plan, &buffers, weights, space, gpu.capability())?;
        let staging = Staging::new(plan.outputs.iter().map(|port| bytes(&port.shape)).sum(), space)?;
        Ok(Self { plan, gpu: gpu.clone(), buffers, packed, staging, feed: None, recording: None })
    }

    /// Has every pass leave an output where the next finds an input that it isn't given.
    pub fn feed(&mut self, output: &str, input: &str) -> Result<()> {
        let find = |ports: &[Port], name: &str| ports.iter().position(|port| port.name == name);
        let (from, to) = (find(&self.plan.outputs, output), find(&self.plan.inputs, input));
        let fits = |feed: &Feed| {
            let (from, to) = (&self.plan.outputs[feed.output], &self.plan.inputs[feed.input]);
            from.element == to.element && bytes(&from.shape) == bytes(&to.shape)
        };
        self.feed = from.zip(to).map(|(output, input)| Feed { output, input }).filter(fits);
        if self.feed.is_none() {
            return Err(Error::internal("an output that is no such input").of(format!("{output}, {input}")));
        }
        Ok(())
    }

    /// The dispatches of some steps, with everything bound.
    pub fn record(&self, part: Range<usize>, weights: &[Weight], space: &Space) -> Result<Recording> {
        let (steps, packed) = (&self.plan.steps[part], self.packed.as_ref());
        let steps = dispatches(steps, &self.buffers, weights, packed, self.gpu.capability())?;
        Recording::new(&shared(steps, self.gpu.capability())?, space, &self.gpu)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All dispatches.
    pub fn recording(&self) -> Result<&Recording> {
        self.recording.as_ref().ok_or_else(|| Error::internal("a program in stages runs as a whole"))
    }

    /// The plan's buffers.
    pub fn buffers(&self) -> &[Rc<Buffer>] {
        &self.buffers
    }

    /// One pass; its outputs arrive later.
    pub fn begin(&self, inputs: &Tensors) -> Result<Reading<'_>> {
        self.write(inputs)?;
        // A GPU that computes another pass meanwhile gets this one at once: a submission takes Chrome 70 µs.
        let together = if self.staging.under_way() > 0 { usize::MAX } else { TOGETHER };
        self.read(self.encode(self.recording()?, together))
    }

    /// What every dispatch takes by itself.
    pub async fn trace(&self, inputs: &Tensors, space: &Space) -> Result<Vec<Timed>> {
        self.write(inputs)?;
        trace::trace(self.recording()?, &self.gpu, space).await
    }

    /// One pass that nobody waits for.
    pub fn submit(&self, inputs: &Tensors) -> Result<()> {
        self.write(inputs)?;
        self.submit_part(self.recording()?);
        Ok(())
    }

    /// Puts the inputs where the first step finds them.
    pub fn write(&self, inputs: &Tensors) -> Result<()> {
        for (index, port) in self.plan.inputs.iter().enumerate() {
            let fed = self.feed.as_ref().is_some_and(|feed| feed.input == index);
            if !fed || inputs.contains_key(&port.name) {
                self.buffers[port.buffer].write(0, input_bytes(inputs, port)?)?;
            }
        }
        Ok(())
    }

    /// Has some steps computed.
    pub fn submit_part(&self, recording: &Recording) {
        self.gpu.submit(self.encode(recording, TOGETHER).finish());
    }

    /// The outputs, which arrive when every step was computed.
    pub fn outputs(&self) -> Result<Reading<'_>> {
        self.read(self.gpu.encoder())
    }

    /// Commands of the last steps; those before them are submitted, so many together.
    fn encode(&self, recording: &Recording, together: usize) -> wgpu::CommandEncoder {
        let mut encoder = self.gpu.encoder();
        for first in (0..recording.len()).step_by(together) {
            if first > 0 {
                self.gpu.submit(std::mem::replace(&mut encoder, self.gpu.encoder()).finish());
            }
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let some = first..recording.len().min(first.saturating_add(together));
            some.for_each(|index| recording.record_one(&mut pass, index, 1));
        }
        encoder
    }

    /// Submits commands, and asks for the outputs behind them.
    fn read(&self, mut encoder: wgpu::CommandEncoder) -> Result<Reading<'_>> {
        let staging = self.staging.take()?;
        let mut offset = 0;
        for port in &self.plan.outputs {
            let length = bytes(&port.shape);
            encoder.copy_buffer_to_buffer(self.buffers[port.buffer].raw()?, 0, staging.raw()?, offset, length);
            offset += length;
        }
        // Last, because the input's memory may be that of another output. What is in one buffer is there already.
        if let Some(feed) = &self.feed {
            let (from, to) = (&self.plan.outputs[feed.output], &self.plan.inputs[feed.input]);
            if from.buffer != to.buffer {
                let [source, target] = [from, to].map(|port| &self.buffers[port.buffer]);
                encoder.copy_buffer_to_buffer(source.raw()?, 0, target.raw()?, 0, bytes(&from.shape));
            }
        }
        self.gpu.submit(encoder.finish());
        Reading::new(&self.gpu, &self.plan.outputs, staging, &self.staging)
    }
}

impl Recording {
    /// Writes parameters, makes pipelines and binds buffers. Equal parameters, as those of all layers of a model, are
    /// written once: a dispatch waits for them, and finds them in a cache if the one before read the same.
    pub fn new(steps: &[Dispatch<'_>], space: &Space, gpu: &Rc<Gpu>) -> Result<Self> {
        let largest = steps.iter().map(|step| step.params.len().next_multiple_of(4) * 4).max().unwrap_or(0);
        let stride = (largest.max(1) as u64).next_multiple_of(gpu.uniform_alignment());
        let (mut places, mut words) = (HashMap::new(), Vec::new());
        for step in steps {
            let place = places.len() as u64 * stride;
            places.entry(step.params.as_slice()).or_insert_with(|| {
                words.extend(&step.params);
                words.resize((place + stride) as usize / 4, 0);
                place
            });
        }
        words.resize(words.len().max(stride as usize / 4), 0);
        let params = space.create(Category::Parameters, words.len() as u64 * 4)?;
        params.write(0, bytemuck::cast_slice(&words))?;
        let bound = steps.iter().map(|step| bind(gpu, step, params.raw()?, places[step.params.as_slice()]));
        let dispatches = bound.collect::<Result<_>>()?;
        Ok(Self { _params: params, dispatches })
    }

    /// Number of dispatches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// Adds all dispatches to a pass, some times over.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, repeats: u32) {
        for _ in 0..repeats {
            for index in 0..self.len() {
                self.record_one(pass, index, 1);
            }
        }
    }

    /// Adds one dispatch to a pass, some times over.
    pub fn record_one(&self, pass: &mut wgpu::ComputePass<'_>, index: usize, repeats: u32) {
        let Bound { pipeline, group, grid: [x, y, z], .. } = &self.dispatches[index];
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, group, &[]);
        for _ in 0..repeats {
            pass.dispatch_workgroups(*x, *y, *z);
        }
    }

    /// The kernel of a dispatch, as text.
    #[must_use]
    pub fn kernel(&self, index: usize) -> String {
        format!("{:?}", self.dispatches[index].kernel)
    }
}

/// The kernels of a plan, in the order of their use; of one whose weights come and go, those of every way in which it
/// may be cut into stages. Nothing is computed: `space` may be imagined.
pub fn kernels(
    plan: &Plan,
    in_stages: bool,
    weights: &[Weight],
    space: &Space,
    capability: Capability,
) -> Result<Vec<Kernel>> {
    let buffers = plan.buffers.iter().map(|&bytes| space.create(Category::Activations, bytes).map(Rc::new));
    let buffers = buffers.collect::<Result<Vec<_>>>()?;
    let packed = packed(plan, &buffers, weights, space, capability)?;
    let steps = dispatches(&plan.steps, &buffers, weights, packed.as_ref(), capability)?;
    // What makes x and what packs it may be in two stages, or in one.
    let mut kernels: Vec<Kernel> = steps.iter().filter(|_| in_stages).map(|step| step.kernel).collect();
    kernels.extend(shared(steps, capability)?.iter().map(|step| step.kernel));
    Ok(kernels)
}

/// Memory for packed inputs of linear layers, if one of them packs its input.
fn packed(
    plan: &Plan,
    buffers: &[Rc<Buffer>],
    weights: &[Weight],
    space: &Space,
    capability: Capability,
) -> Result<Option<Packed>> {
    let bytes = |step: &Step| linear::gpu::packed_bytes(step.op, &operands(step, buffers, weights), capability);
    let needs = plan.steps.iter().filter_map(bytes);
    let Some([codes, factors]) = needs.reduce(|[a, b], [c, d]| [a.max(c), b.max(d)]) else { return Ok(None) };
    let create = |bytes| space.create(Category::Activations, bytes);
    Ok(Some(Packed { codes: create(codes)?, factors: create(factors.max(8))? }))
}

/// The dispatches of some steps.
fn dispatches<'a>(
    steps: &'a [Step],
    buffers: &'a [Rc<Buffer>],
    weights: &'a [Weight],
    packed: Option<&'a Packed>,
    capability: Capability,
) -> Result<Vec<Dispatch<'a>>> {
    let mut all = Vec::new();
    for step in steps {
        let operands = operands(step, buffers, weights);
        let made = dispatch(step.op, &operands, &buffers[step.output], packed, capability);
        all.extend(made.map_err(|error| error.of(format!("{:?}", step.op)))?);
    }
    Ok(all)
}

/// Dispatches in as few as do the same.
pub fn shared(steps: Vec<Dispatch<'_>>, capability: Capability) -> Result<Vec<Dispatch<'_>>> {
    let steps = with_stacked_layers(linear::gpu::with_shared_packing(steps), capability)?;
    Ok(with_shared_entry(steps, capability))
}

fn operands<'a>(step: &'a Step, buffers: &'a [Rc<Buffer>], weights: &'a [Weight]) -> Vec<Operand<'a>> {
    step.operands
        .iter()
        .map(|operand| Operand {
            shape: operand.shape(),
            memory: match operand {
                graph::Operand::Buffer { index, .. } => Memory::Buffer(&buffers[*index]),
                graph::Operand::Param(param) => Memory::Weight(&weights[param.id]),
            },
        })
        .collect()
}

fn bind(gpu: &Rc<Gpu>, step: &Dispatch<'_>, params: &wgpu::Buffer, offset: u64) -> Result<Bound> {
    let pipeline = gpu.pipeline(step.kernel);
    let size = std::num::NonZeroU64::new(4 * step.params.len().next_multiple_of(4) as u64);
    let mut storage = step.buffers.iter();
    let mut entries = Vec::with_capacity(step.kernel.bindings().len());
    for (binding, access) in (0..).zip(&step.kernel.bindings()) {
        let resource = match access {
            Access::Uniform => wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: params, offset, size }),
            Access::Read | Access::Write => {
                let part = storage.next();
                resource(part.ok_or_else(|| Error::internal("too few buffers").of(format!("{:?}", step.kernel)))?)?
            }
        };
        entries.push(wgpu::BindGroupEntry { binding, resource });
    }
    let descriptor = wgpu::BindGroupDescriptor { label: None, layout: &pipeline.layout, entries: &entries };
    let group = gpu.device().create_bind_group(&descriptor);
    Ok(Bound { kernel: step.kernel, pipeline, group, grid: step.grid })
}

fn resource<'a>(part: &Part<'a>) -> Result<wgpu::BindingResource<'a>> {
    let buffer = part.buffer.raw()?;
    let Some(range) = &part.range else { return Ok(buffer.as_entire_binding()) };
    let size = std::num::NonZeroU64::new(range.end - range.start);
    Ok(wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: range.start, size }))
}

fn bytes(shape: &[usize]) -> u64 {
    4 * shape.iter().map(|&d| d as u64).product::<u64>()
}
