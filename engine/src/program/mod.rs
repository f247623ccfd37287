//! A plan made ready for a device: its buffers exist, and it can be run again and again.

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

use crate::{
    device::{Device, Space},
    error::{Error, Result},
    graph::{Element, Plan, Port},
    protocol::{Tensor, TensorData, Tensors},
    weights::Weight,
};

/// A plan on its device.
pub enum Program {
    /// Runs on the CPU.
    Cpu(cpu::CpuProgram),
    /// Runs on a GPU.
    #[cfg(feature = "gpu")]
    Gpu(gpu::GpuProgram),
}

impl Program {
    /// Creates the buffers of `plan`, and on a GPU everything else that does not depend on the inputs.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "only a GPU binds weights ahead of a pass"))]
    pub async fn new(plan: Plan, weights: &[Weight], space: &Space) -> Result<Self> {
        match space.device() {
            Device::Cpu => cpu::CpuProgram::new(plan, space).map(Self::Cpu),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu::GpuProgram::new(plan, weights, space, gpu).await.map(Self::Gpu),
        }
    }

    /// One pass, from inputs on the CPU to outputs on the CPU.
    pub async fn run(&self, weights: &[Weight], inputs: &Tensors) -> Result<Tensors> {
        match self {
            Self::Cpu(program) => program.run(weights, inputs),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => program.run(inputs).await,
        }
    }
}

/// The bytes of the input a port asks for.
fn input_bytes<'a>(inputs: &'a Tensors, port: &Port) -> Result<&'a [u8]> {
    let tensor = inputs.get(&port.name).ok_or_else(|| Error::internal("missing input").of(port.name.clone()))?;
    match (&tensor.data, port.element) {
        _ if tensor.shape != port.shape => {}
        (TensorData::F32(values), Element::F32) => return Ok(bytemuck::cast_slice(values)),
        (TensorData::I32(values), Element::I32) => return Ok(bytemuck::cast_slice(values)),
        _ => {}
    }
    Err(Error::internal("an input differs from its plan")
        .of(port.name.clone())
        .expected(format!("{:?} {:?}", port.element, port.shape))
        .found(format!("{:?}", tensor.shape)))
}

/// The output of a port from the words of its buffer, which may be longer.
fn output_tensor(port: &Port, words: &[u32]) -> Result<Tensor> {
    let words = words
        .get(..port.shape.iter().product())
        .ok_or_else(|| Error::internal("an output is larger than its buffer").of(port.name.clone()))?;
    Ok(match port.element {
        Element::F32 => Tensor::f32(&port.shape, bytemuck::cast_slice(words).to_vec()),
        Element::I32 => Tensor::i32(&port.shape, bytemuck::cast_slice(words).to_vec()),
    })
}
