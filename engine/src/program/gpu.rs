//! A plan on a GPU: all dispatches recorded once, one submission per pass.

use std::rc::Rc;

use super::{input_bytes, output_tensor};
use crate::{
    device::{
        Buffer, Category, Space,
        gpu::{Capability, Gpu, Pipeline},
    },
    error::{Error, Result},
    graph::{self, Plan, Step},
    kernel::{
        gpu::{Dispatch, Memory, Operand, Part, dispatch},
        linear::{self, gpu::Packed},
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
    _packed: Option<Packed>,
    readback: Buffer,
    recording: Recording,
}

/// Dispatches with everything bound.
pub struct Recording {
    // Bound by the dispatches.
    _params: Buffer,
    dispatches: Vec<Bound>,
}

struct Bound {
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
        let packed = packed(&plan, &buffers, weights, space, gpu.capability())?;
        let steps = dispatches(&plan, &buffers, weights, packed.as_ref(), gpu.capability())?;
        let recording = Recording::new(steps, space, gpu)?;
        let readback: u64 = plan.outputs.iter().map(|port| bytes(&port.shape)).sum();
        let readback = space.create(Category::Staging, readback.max(4))?;
        gpu.finish().await?;
        Ok(Self { plan, gpu: gpu.clone(), buffers, _packed: packed, readback, recording })
    }

    /// The plan's buffers.
    pub fn buffers(&self) -> &[Rc<Buffer>] {
        &self.buffers
    }

    /// One pass.
    pub async fn run(&self, inputs: &Tensors) -> Result<Tensors> {
        self.submit(inputs)?;
        let words = self.gpu.read(self.readback.raw()?).await?;
        let mut rest = words.as_slice();
        let mut outputs = Tensors::new();
        for port in &self.plan.outputs {
            outputs.insert(port.name.clone(), output_tensor(port, rest)?);
            rest = &rest[port.shape.iter().product()..];
        }
        Ok(outputs)
    }

    /// One pass that nobody waits for.
    pub fn submit(&self, inputs: &Tensors) -> Result<()> {
        for port in &self.plan.inputs {
            self.buffers[port.buffer].write(0, input_bytes(inputs, port)?)?;
        }
        let mut encoder = self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.recording.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()), 1);
        let readback = self.readback.raw()?;
        let mut offset = 0;
        for port in &self.plan.outputs {
            let length = bytes(&port.shape);
            encoder.copy_buffer_to_buffer(self.buffers[port.buffer].raw()?, 0, readback, offset, length);
            offset += length;
        }
        self.gpu.submit(encoder.finish());
        Ok(())
    }
}

impl Recording {
    /// Writes parameters, makes pipelines and binds buffers.
    pub fn new(steps: Vec<Dispatch<'_>>, space: &Space, gpu: &Rc<Gpu>) -> Result<Self> {
        let largest = steps.iter().map(|step| step.params.len().next_multiple_of(4) as u64 * 4).max().unwrap_or(0);
        let stride = largest.max(1).next_multiple_of(gpu.uniform_alignment());
        let params = space.create(Category::Parameters, stride * steps.len().max(1) as u64)?;
        let mut dispatches = Vec::with_capacity(steps.len());
        for (index, step) in steps.into_iter().enumerate() {
            let offset = stride * index as u64;
            params.write(offset, bytemuck::cast_slice(&step.params))?;
            dispatches.push(bind(gpu, &step, params.raw()?, offset)?);
        }
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
            for Bound { pipeline, group, grid: [x, y, z] } in &self.dispatches {
                pass.set_pipeline(&pipeline.pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
    }
}

/// The kernels of a plan, in the order of their use. Nothing is computed: `space` may be imagined.
pub fn kernels(plan: &Plan, weights: &[Weight], space: &Space, capability: Capability) -> Result<Vec<Kernel>> {
    let buffers = plan.buffers.iter().map(|&bytes| space.create(Category::Activations, bytes).map(Rc::new));
    let buffers = buffers.collect::<Result<Vec<_>>>()?;
    let packed = packed(plan, &buffers, weights, space, capability)?;
    let steps = dispatches(plan, &buffers, weights, packed.as_ref(), capability)?;
    Ok(steps.into_iter().map(|step| step.kernel).collect())
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
    Ok(Some(Packed { codes: create(codes)?, factors: create(factors)? }))
}

/// The dispatches of all steps.
fn dispatches<'a>(
    plan: &'a Plan,
    buffers: &'a [Rc<Buffer>],
    weights: &'a [Weight],
    packed: Option<&'a Packed>,
    capability: Capability,
) -> Result<Vec<Dispatch<'a>>> {
    let mut steps = Vec::new();
    for step in &plan.steps {
        let operands = operands(step, buffers, weights);
        let made = dispatch(step.op, &operands, &buffers[step.output], packed, capability);
        steps.extend(made.map_err(|error| error.of(format!("{:?}", step.op)))?);
    }
    Ok(without_repeated_packing(steps))
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

/// Layers that read the same x, such as query, key and value, pack it once.
fn without_repeated_packing(steps: Vec<Dispatch<'_>>) -> Vec<Dispatch<'_>> {
    let mut held: Option<(&Buffer, Vec<u32>)> = None;
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        if step.kernel == Kernel::Pack {
            let x = step.buffers[0].buffer;
            if held.as_ref().is_some_and(|(buffer, params)| std::ptr::eq(*buffer, x) && *params == step.params) {
                continue;
            }
            held = Some((x, step.params.clone()));
        } else if step.writes().any(|out| held.as_ref().is_some_and(|(buffer, _)| std::ptr::eq(*buffer, out))) {
            held = None;
        }
        kept.push(step);
    }
    kept
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
    Ok(Bound { pipeline, group, grid: step.grid })
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
