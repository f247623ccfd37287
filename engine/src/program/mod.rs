//! A plan made ready for a device: its buffers exist, and it can be run again and again.

mod cpu;
mod early;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod observer;
#[cfg(feature = "gpu")]
mod reading;
mod staged;
#[cfg(feature = "gpu")]
mod trace;

use std::{collections::BTreeMap, future::ready, ops::Range, rc::Rc};

use futures_util::{FutureExt, future::LocalBoxFuture};
pub use observer::Observer;

use crate::{
    device::{Buffer, Category, Device, Space},
    error::{Error, Result},
    graph::{Element, Plan, Port},
    protocol::{Tensor, TensorData, Tensors},
    weights::{Store, Weight},
};

/// A plan on its device.
pub enum Program {
    /// Runs on the CPU.
    Cpu(cpu::CpuProgram),
    /// Runs on a GPU.
    #[cfg(feature = "gpu")]
    Gpu(Box<gpu::GpuProgram>),
    /// Runs in stages, because its weights come and go.
    Staged(Box<staged::StagedProgram>),
    /// Runs in stages until its weights have arrived.
    Early(Box<early::EarlyProgram>),
}

/// What has to live until the steps it belongs to are done.
enum Computing {
    Done,
    #[cfg(feature = "gpu")]
    Submitted(gpu::Recording),
}

/// The outputs of a pass, to be waited for.
pub type Outputs<'a> = LocalBoxFuture<'a, Result<Tensors>>;

/// One operation, timed by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// The kernel that a GPU ran, or the operation that a CPU did.
    pub kernel: String,
    /// Milliseconds.
    pub ms: f64,
}

impl Program {
    /// Creates the buffers of `plan`, and on a GPU everything else that does not depend on the inputs.
    pub async fn new(plan: Plan, weights: &[Weight], space: &Space) -> Result<Self> {
        Self::with_states(plan, weights, &States::default(), space).await
    }

    /// The same for a plan over states and the weights of a store, wherever they are.
    pub async fn of(plan: Plan, store: &Store, states: &States, space: &Space) -> Result<Self> {
        let residency = store.residency.as_ref().map(|residency| residency.weights());
        let coming = store.coming.as_ref().map(|coming| coming.weights());
        let Some(weights) = residency.as_deref().map(Vec::as_slice).or(coming) else {
            return Self::with_states(plan, &store.weights, states, space).await;
        };
        let buffers = buffers(&plan, states, space).await?;
        let program = match space.device() {
            Device::Cpu => Self::Cpu(cpu::CpuProgram::new(plan, buffers)),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => Self::Gpu(Box::new(gpu::GpuProgram::bare(plan, buffers, weights, space, gpu)?)),
        };
        match (&store.residency, &store.coming) {
            (Some(residency), _) => Ok(Self::Staged(Box::new(staged::StagedProgram::new(program, residency, space)))),
            (None, Some(coming)) => Ok(Self::Early(Box::new(early::EarlyProgram::new(program, coming, space)?))),
            (None, None) => Err(Error::internal("no weights come")),
        }
    }

    /// The same for a plan over states, which the program shares with others.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "only a GPU binds weights ahead of a pass"))]
    pub async fn with_states(plan: Plan, weights: &[Weight], states: &States, space: &Space) -> Result<Self> {
        let buffers = buffers(&plan, states, space).await?;
        match space.device() {
            Device::Cpu => Ok(Self::Cpu(cpu::CpuProgram::new(plan, buffers))),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let program = gpu::GpuProgram::new(plan, buffers, weights, space, gpu).await?;
                Ok(Self::Gpu(Box::new(program)))
            }
        }
    }

    /// Lets `observer` see what goes into linear layers from now on.
    ///
    /// # Errors
    /// When the program isn't a plain one on the CPU.
    pub fn observe(&mut self, observer: Rc<Observer>) -> Result<()> {
        let Self::Cpu(program) = self else {
            return Err(Error::unsupported("only programs on the CPU can be looked into"));
        };
        program.observe(observer);
        Ok(())
    }

    /// One pass on a GPU that nobody waits for: what comes out stays there.
    pub fn submit(&self, inputs: &Tensors) -> Result<()> {
        match self {
            Self::Cpu(_) => Err(Error::internal("a CPU computes at once")),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => program.submit(inputs),
            Self::Staged(_) | Self::Early(_) => Err(Error::internal("a program in stages is waited for")),
        }
    }

    /// What every operation of a pass takes by itself; what the program holds afterwards is of no use.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "a CPU needs no buffers for times"))]
    pub async fn trace(&self, weights: &[Weight], inputs: &Tensors, space: &Space) -> Result<Vec<Timed>> {
        match self {
            Self::Cpu(program) => program.trace(weights, inputs),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => program.trace(inputs, space).await,
            Self::Staged(_) | Self::Early(_) => {
                Err(Error::unsupported("operations whose weights come and go are not timed by themselves"))
            }
        }
    }

    /// The clock that [`Self::trace`] reads: `gpu` or `wall`.
    #[must_use]
    pub fn clock(&self) -> &'static str {
        match self {
            Self::Cpu(_) => "wall",
            #[cfg(feature = "gpu")]
            Self::Gpu(_) => "gpu",
            Self::Staged(program) => program.program().clock(),
            Self::Early(program) => program.program().clock(),
        }
    }

    /// A buffer of the plan.
    pub fn buffer(&self, index: usize) -> Result<Rc<Buffer>> {
        let buffers = match self {
            Self::Cpu(program) => program.buffers(),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => program.buffers(),
            Self::Staged(program) => return program.program().buffer(index),
            Self::Early(program) => return program.program().buffer(index),
        };
        buffers.get(index).cloned().ok_or_else(|| Error::internal("a plan has no such buffer"))
    }

    /// One pass, from inputs on the CPU to outputs on the CPU.
    pub async fn run(&self, weights: &[Weight], inputs: &Tensors) -> Result<Tensors> {
        self.begin(weights, inputs).await?.await
    }

    /// One pass. A GPU that has all weights can be told of the next before the outputs of this one are here.
    pub async fn begin(&self, weights: &[Weight], inputs: &Tensors) -> Result<Outputs<'_>> {
        let outputs = match self {
            Self::Cpu(program) => program.run(weights, inputs)?,
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => return Ok(program.begin(inputs)?.outputs().boxed_local()),
            Self::Staged(program) => program.run(inputs).await?,
            Self::Early(program) => program.run(inputs).await?,
        };
        Ok(ready(Ok(outputs)).boxed_local())
    }

    /// Has every pass leave an output where the next finds an input that it isn't given. Whether it does: only a GPU that
    /// has all weights computes passes ahead.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "a CPU computes nothing ahead"))]
    pub fn feed(&mut self, output: &str, input: &str) -> Result<bool> {
        match self {
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => program.feed(output, input).map(|()| true),
            _ => Ok(false),
        }
    }

    fn plan(&self) -> Result<&Plan> {
        match self {
            Self::Cpu(program) => Ok(program.plan()),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => Ok(program.plan()),
            Self::Staged(_) | Self::Early(_) => Err(nested()),
        }
    }

    fn write(&self, inputs: &Tensors) -> Result<()> {
        match self {
            Self::Cpu(program) => program.write(inputs),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => program.write(inputs),
            Self::Staged(_) | Self::Early(_) => Err(nested()),
        }
    }

    /// Some steps, whose weights are here: on a CPU at once, on a GPU when it comes to them.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables, reason = "only a GPU binds anything"))]
    fn compute(&self, part: Range<usize>, weights: &[Weight], space: &Space) -> Result<Computing> {
        match self {
            Self::Cpu(program) => program.compute(part, weights).map(|()| Computing::Done),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => {
                let recording = program.record(part, weights, space)?;
                program.submit_part(&recording);
                Ok(Computing::Submitted(recording))
            }
            Self::Staged(_) | Self::Early(_) => Err(nested()),
        }
    }

    /// Has a GPU compute what it has computed before, with the inputs of now. Whether it could: a CPU keeps nothing.
    fn compute_again(&self, computing: &Computing) -> bool {
        match (self, computing) {
            #[cfg(feature = "gpu")]
            (Self::Gpu(program), Computing::Submitted(recording)) => {
                program.submit_part(recording);
                true
            }
            _ => false,
        }
    }

    async fn outputs(&self) -> Result<Tensors> {
        match self {
            Self::Cpu(program) => program.outputs(),
            #[cfg(feature = "gpu")]
            Self::Gpu(program) => program.outputs()?.outputs().await,
            Self::Staged(_) | Self::Early(_) => Err(nested()),
        }
    }
}

fn nested() -> Error {
    Error::internal("stages have no stages")
}

/// Buffers that outlive programs, by name.
pub type States = BTreeMap<String, Rc<Buffer>>;

/// The plan's buffers: its own, with constants in place, and those it shares.
async fn buffers(plan: &Plan, states: &States, space: &Space) -> Result<Vec<Rc<Buffer>>> {
    let shared: BTreeMap<usize, &Port> = plan.states.iter().map(|port| (port.buffer, port)).collect();
    let create = |(index, &bytes): (usize, &u64)| {
        let Some(port) = shared.get(&index) else {
            return space.create(Category::Activations, bytes).map(Rc::new);
        };
        let state = states.get(&port.name).filter(|state| state.bytes() >= bytes);
        state.cloned().ok_or_else(|| Error::internal("a state differs from its plan").of(port.name.clone()))
    };
    let create = || plan.buffers.iter().enumerate().map(create).collect::<Result<Vec<_>>>();
    let buffers = match space.watch(create) {
        Ok(created) => created.granted().await,
        Err(error) => Err(error),
    };
    let buffers = buffers.map_err(|error| error.of("memory to compute in"))?;
    for (buffer, tensor) in &plan.constants {
        buffers[*buffer].write(0, tensor.bytes())?;
    }
    Ok(buffers)
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
