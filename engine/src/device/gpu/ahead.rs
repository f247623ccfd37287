//! Kernels compiled ahead of their first use, while other things happen.
//!
//! - Natively threads compile them.
//! - A browser compiles them with `createComputePipelineAsync`. wgpu has no such call, so an equal pipeline is asked
//!   for beside it; while that one is alive, wgpu's own is found in the browser's cache.
//! - Firefox shares nothing between equal pipelines, and some drivers translate a shader only when it is first
//!   dispatched. So there, as natively, every pipeline is made at once and dispatched over no workgroups.

use std::rc::Rc;

use super::{Gpu, Pipeline};
use crate::{
    clock,
    device::{Buffer, Category, Space},
    error::Result,
    kernel::shader::{Access, Kernel},
};

/// Kernels on their way.
pub struct Ahead {
    gpu: Rc<Gpu>,
    kernels: Vec<Kernel>,
    compiling: Compiling,
    // Bound by dispatches over nothing.
    _bound: Vec<Buffer>,
    started: f64,
}

/// What compiling ahead took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compiled {
    /// Kernels that were not there before.
    pub count: usize,
    /// Milliseconds from the start until the last one was there.
    pub ms: f64,
}

impl Ahead {
    /// Starts with those of `kernels` that are not there yet.
    ///
    /// # Errors
    /// When the device has no room for a few kilobytes.
    pub fn start(gpu: &Rc<Gpu>, mut kernels: Vec<Kernel>, space: &Space) -> Result<Self> {
        let started = clock::now();
        kernels.retain(|kernel| !gpu.has(*kernel));
        let (touch, bound) = Touch::new(gpu, &kernels, space)?;
        let compiling = Compiling::start(gpu, &kernels, &touch);
        Ok(Self { gpu: gpu.clone(), kernels, compiling, _bound: bound, started })
    }

    /// Waits until every kernel is there.
    ///
    /// # Errors
    /// When the device reports one: a rejected kernel, or its loss.
    pub async fn finish(self) -> Result<Compiled> {
        let Self { gpu, kernels, compiling, started, .. } = self;
        compiling.finish(&gpu, &kernels).await;
        gpu.finish().await?;
        Ok(Compiled { count: kernels.len(), ms: clock::now() - started })
    }
}

/// What is bound when a kernel is dispatched over no workgroups.
#[derive(Clone)]
struct Touch {
    device: wgpu::Device,
    queue: wgpu::Queue,
    storage: Vec<wgpu::Buffer>,
    uniform: wgpu::Buffer,
}

/// More than the parameters or the least storage of any kernel.
const BOUND_BYTES: u64 = 1024;

impl Touch {
    /// Buffers for all of `kernels`.
    fn new(gpu: &Gpu, kernels: &[Kernel], space: &Space) -> Result<(Self, Vec<Buffer>)> {
        // What is written may be bound only once, so every binding has a buffer of its own.
        let most = kernels.iter().map(|kernel| kernel.bindings().len()).max().unwrap_or(0);
        let storage = (0..most).map(|_| space.create(Category::Activations, BOUND_BYTES));
        let mut bound = storage.collect::<Result<Vec<_>>>()?;
        let storage = bound.iter().map(|buffer| buffer.raw().cloned()).collect::<Result<Vec<_>>>()?;
        let uniform = space.create(Category::Parameters, BOUND_BYTES)?;
        let (device, queue) = (gpu.device.clone(), gpu.queue.clone());
        let touch = Self { device, queue, storage, uniform: uniform.raw()?.clone() };
        bound.push(uniform);
        Ok((touch, bound))
    }

    /// A pipeline that has been dispatched once, over nothing.
    fn pipeline(&self, kernel: Kernel) -> Pipeline {
        let made = Pipeline::new(&self.device, kernel);
        let bindings = kernel.bindings();
        let buffers = bindings.iter().zip(&self.storage);
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, (access, storage))| {
                let buffer = if *access == Access::Uniform { &self.uniform } else { storage };
                wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }
            })
            .collect();
        let group = wgpu::BindGroupDescriptor { label: None, layout: &made.layout, entries: &entries };
        let group = self.device.create_bind_group(&group);
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&made.pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(0, 0, 0);
        }
        self.queue.submit([encoder.finish()]);
        made
    }
}

/// Threads that compile.
#[cfg(not(target_arch = "wasm32"))]
struct Compiling(Vec<std::thread::JoinHandle<Vec<(Kernel, Pipeline)>>>);

#[cfg(not(target_arch = "wasm32"))]
impl Compiling {
    fn start(_gpu: &Gpu, kernels: &[Kernel], touch: &Touch) -> Self {
        use std::sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        };

        let most = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let kernels: Arc<[Kernel]> = kernels.into();
        let next = Arc::new(AtomicUsize::new(0));
        let threads = (0..most.min(kernels.len())).filter_map(|_| {
            let (kernels, next, touch) = (kernels.clone(), next.clone(), touch.clone());
            let compile = move || {
                let take = || kernels.get(next.fetch_add(1, Ordering::Relaxed)).copied();
                std::iter::from_fn(take).map(|kernel| (kernel, touch.pipeline(kernel))).collect()
            };
            // What no thread compiles is compiled in the end.
            std::thread::Builder::new().spawn(compile).ok()
        });
        Self(threads.collect())
    }

    #[expect(clippy::unused_async, reason = "a browser waits")]
    async fn finish(self, gpu: &Gpu, kernels: &[Kernel]) {
        for made in self.0.into_iter().filter_map(|thread| thread.join().ok()).flatten() {
            gpu.keep(made.0, Rc::new(made.1));
        }
        kernels.iter().for_each(|kernel| gpu.compile(*kernel));
    }
}

/// Pipelines that a browser is making.
#[cfg(target_arch = "wasm32")]
enum Compiling {
    /// Beside wgpu.
    Asked(Vec<js_sys::Promise>),
    /// With wgpu.
    Made,
}

#[cfg(target_arch = "wasm32")]
impl Compiling {
    fn start(gpu: &Gpu, kernels: &[Kernel], touch: &Touch) -> Self {
        if super::wait::is_firefox() {
            for &kernel in kernels {
                gpu.keep(kernel, Rc::new(touch.pipeline(kernel)));
            }
            return Self::Made;
        }
        let Some(device) = gpu.device.as_webgpu() else { return Self::Made };
        // A kernel that can't be asked for is compiled in the end, and what is wrong with it is told then.
        let asked = kernels.iter().filter_map(|kernel| beside::ask(device.as_ref(), *kernel).ok());
        Self::Asked(asked.collect())
    }

    async fn finish(self, gpu: &Gpu, kernels: &[Kernel]) {
        let mut alive = Vec::new();
        if let Self::Asked(promises) = self {
            for promise in promises {
                alive.push(wasm_bindgen_futures::JsFuture::from(promise).await);
            }
        }
        kernels.iter().for_each(|kernel| gpu.compile(*kernel));
        drop(alive);
    }
}

/// Pipelines equal to those of [`Pipeline::new`], asked of the browser directly.
#[cfg(target_arch = "wasm32")]
mod beside {
    use js_sys::{Array, Function, Object, Promise, Reflect};
    use wasm_bindgen::{JsCast, JsValue};

    use crate::kernel::shader::{Access, Kernel};

    /// `GPUShaderStage.COMPUTE`
    const COMPUTE: u32 = 4;

    /// Asks for the pipeline of a kernel.
    pub fn ask(device: &JsValue, kernel: Kernel) -> Result<Promise, JsValue> {
        let call = |name: &str, argument: &JsValue| {
            Reflect::get(device, &name.into())?.dyn_into::<Function>()?.call1(device, argument)
        };
        let entries = Array::new();
        for (binding, access) in (0_u32..).zip(kernel.bindings()) {
            let buffer = match access {
                Access::Read => "read-only-storage",
                Access::Write => "storage",
                Access::Uniform => "uniform",
            };
            let buffer = object(&[("type", buffer.into())])?;
            entries.push(&object(&[("binding", binding.into()), ("visibility", COMPUTE.into()), ("buffer", buffer)])?);
        }
        let group = call("createBindGroupLayout", &object(&[("entries", entries.into())])?)?;
        let layout = call("createPipelineLayout", &object(&[("bindGroupLayouts", Array::of1(&group).into())])?)?;
        let module = call("createShaderModule", &object(&[("code", kernel.source().into())])?)?;
        let constants: Vec<_> = kernel.constants().into_iter().map(|(name, value)| (name, value.into())).collect();
        let compute = object(&[("module", module), ("entryPoint", "main".into()), ("constants", object(&constants)?)])?;
        let pipeline = object(&[("layout", layout), ("compute", compute)])?;
        call("createComputePipelineAsync", &pipeline)?.dyn_into()
    }

    fn object(fields: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
        let object = Object::new();
        for (name, value) in fields {
            Reflect::set(&object, &(*name).into(), value)?;
        }
        Ok(object.into())
    }
}
