//! A GPU through wgpu: WebGPU in a browser; Vulkan, Metal or D3D12 natively.
//!
//! Nothing here blocks in a browser, and nothing panics: errors that wgpu reports on the side are kept and
//! come out at the next wait.

mod ahead;
mod capability;
mod faults;
mod info;
mod pipeline;
mod timestamps;
mod wait;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

pub use ahead::{Ahead, Compiled};
pub use capability::Capability;
use faults::Faults;
pub use pipeline::Pipeline;
pub use timestamps::Timestamps;
#[cfg(target_arch = "wasm32")]
pub(crate) use wait::timeout;

use super::{Category, Lookups};
use crate::{
    error::{Error, Result},
    kernel::shader::Kernel,
    protocol::DeviceInfo,
};

/// A staging buffer whose words were asked for.
pub type Asked = wait::Signal<Result<(), wgpu::BufferAsyncError>>;

/// Features that kernels use where they exist.
const WANTED: wgpu::Features =
    wgpu::Features::SUBGROUP.union(wgpu::Features::TIMESTAMP_QUERY).union(wgpu::Features::SHADER_F16);

/// An open GPU and its pipelines.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: DeviceInfo,
    limits: wgpu::Limits,
    capability: Capability,
    faults: Faults,
    pipelines: RefCell<HashMap<Kernel, Rc<Pipeline>>>,
    lookups: Cell<Lookups>,
}

impl Gpu {
    /// Opens the fastest GPU with all its limits.
    pub async fn open() -> Result<Self> {
        let raw = info::probe().await?;
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance.request_adapter(&options).await.map_err(|error| {
            Error::unsupported(format!("no GPU adapter: {error}"))
                .hint("a software adapter will do: SwiftShader in a browser, lavapipe natively")
        })?;
        // The defaults of the specification would forbid buffers that most GPUs can hold.
        let limits = adapter.limits();
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & WANTED,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let opened = adapter.request_device(&descriptor).await;
        let (device, queue) = opened.map_err(|error| Error::device(format!("the GPU cannot be opened: {error}")))?;
        let faults = Faults::of(&device);
        let info = info::describe(&adapter, &limits, raw);
        let capability = Capability::of(&info, &device, &limits);
        let mut gpu = Self {
            device,
            queue,
            info,
            limits,
            capability,
            faults,
            pipelines: RefCell::default(),
            lookups: Cell::default(),
        };
        // What has no standard yet may be spelled differently tomorrow.
        gpu.capability.matrices = capability.matrices && gpu.understands(Kernel::MATRICES).await;
        Ok(gpu)
    }

    /// Whether the compiler knows all words of a kernel.
    async fn understands(&self, kernel: Kernel) -> bool {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        drop(Pipeline::module(&self.device, kernel));
        scope.pop().await.is_none()
    }

    /// The same GPU, but kernels are chosen as if it could do something else.
    #[must_use]
    pub fn pretending(self, capability: Capability) -> Self {
        Self { capability, ..self }
    }

    /// Whether the GPU was lost: nothing on it will work again, but it may be opened anew.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.faults.lost()
    }

    /// What kernels are chosen by.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.capability
    }

    /// How the GPU describes itself.
    #[must_use]
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// The raw device, for what a program needs besides buffers.
    #[must_use]
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// Bytes between the parameters of two dispatches in one buffer.
    #[must_use]
    pub fn uniform_alignment(&self) -> u64 {
        u64::from(self.limits.min_uniform_buffer_offset_alignment.max(16))
    }

    /// The pipeline of a kernel, made when it is first needed.
    #[must_use]
    pub fn pipeline(&self, kernel: Kernel) -> Rc<Pipeline> {
        let known = self.pipelines.borrow().get(&kernel).cloned();
        let Lookups { hits, misses } = self.lookups.get();
        if let Some(pipeline) = known {
            self.lookups.set(Lookups { hits: hits + 1, misses });
            return pipeline;
        }
        self.lookups.set(Lookups { hits, misses: misses + 1 });
        let pipeline = Rc::new(Pipeline::new(&self.device, kernel));
        self.keep(kernel, pipeline.clone());
        pipeline
    }

    /// Lookups of pipelines since the GPU was opened.
    #[must_use]
    pub fn lookups(&self) -> Lookups {
        self.lookups.get()
    }

    /// Makes a kernel's pipeline if it is not there.
    fn compile(&self, kernel: Kernel) {
        if !self.has(kernel) {
            self.keep(kernel, Rc::new(Pipeline::new(&self.device, kernel)));
        }
    }

    fn has(&self, kernel: Kernel) -> bool {
        self.pipelines.borrow().contains_key(&kernel)
    }

    fn keep(&self, kernel: Kernel, pipeline: Rc<Pipeline>) {
        self.pipelines.borrow_mut().insert(kernel, pipeline);
    }

    /// Compiles a kernel anew; what the compiler has against it, if anything.
    pub async fn try_compile(&self, kernel: Kernel) -> Option<String> {
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        drop(Pipeline::new(&self.device, kernel));
        scope.pop().await.map(|error| error.to_string())
    }

    pub(super) fn create_buffer(&self, category: Category, bytes: u64) -> Result<wgpu::Buffer> {
        self.faults.check()?;
        let allowed = match category {
            // The last two are no buffers.
            Category::Weights | Category::Staging | Category::InFlight | Category::Offloaded => {
                self.limits.max_buffer_size
            }
            // Always bound as a whole.
            Category::Activations | Category::Kv | Category::Upload | Category::Parameters => {
                self.limits.max_buffer_size.min(self.capability.binding_limit)
            }
        };
        if bytes > allowed {
            return Err(Error::unsupported("larger than one buffer may be on this GPU")
                .expected(format!("at most {allowed} bytes"))
                .found(format!("{bytes} bytes of {}", category.name())));
        }
        let usage = match category {
            Category::Weights | Category::InFlight | Category::Offloaded => {
                wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST
            }
            Category::Activations | Category::Kv | Category::Upload => {
                wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::COPY_DST
                    | wgpu::BufferUsages::COPY_SRC
                    | wgpu::BufferUsages::QUERY_RESOLVE
            }
            Category::Parameters => wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            Category::Staging => wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        };
        let descriptor =
            wgpu::BufferDescriptor { label: Some(category.name()), size: bytes, usage, mapped_at_creation: false };
        Ok(self.device.create_buffer(&descriptor))
    }

    pub(super) fn write(&self, buffer: &wgpu::Buffer, offset: u64, data: &[u8]) {
        self.queue.write_buffer(buffer, offset, data);
    }

    /// Writes bytes that are in JavaScript memory, past the module's heap.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn write_view(&self, buffer: &wgpu::Buffer, offset: u64, view: &js_sys::Uint8Array) -> Result<()> {
        use wasm_bindgen::{JsCast, JsValue};
        let (Some(queue), Some(buffer)) = (self.queue.as_webgpu(), buffer.as_webgpu()) else {
            return Err(Error::internal("no WebGPU queue in a browser"));
        };
        let queue: &JsValue = queue.as_ref();
        let failed = |error: JsValue| Error::device(format!("writeBuffer failed: {error:?}"));
        let write = js_sys::Reflect::get(queue, &"writeBuffer".into()).map_err(failed)?;
        #[expect(clippy::cast_precision_loss, reason = "offsets stay far below 2^53")]
        let arguments = js_sys::Array::of3(buffer.as_ref(), &(offset as f64).into(), view);
        write.unchecked_ref::<js_sys::Function>().apply(queue, &arguments).map_err(failed)?;
        Ok(())
    }

    /// Commands to come.
    pub fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Hands commands to the GPU.
    pub fn submit(&self, commands: wgpu::CommandBuffer) {
        self.queue.submit([commands]);
    }

    /// Waits for everything submitted so far and reports what went wrong.
    pub async fn finish(&self) -> Result<()> {
        let done = wait::Signal::default();
        let set = done.clone();
        // Writes that were only queued are part of the wait.
        self.queue.submit([]);
        self.queue.on_submitted_work_done(move || set.set(()));
        wait::until(self, &done).await?;
        self.faults.check()
    }

    /// The words of a staging buffer, once the GPU has written them.
    pub async fn read(&self, buffer: &wgpu::Buffer) -> Result<Vec<u32>> {
        let asked = self.ask(buffer);
        self.answer(buffer, asked).await
    }

    /// Asks for the words of a staging buffer; [`Self::answer`] waits for them.
    pub fn ask(&self, buffer: &wgpu::Buffer) -> Asked {
        let asked = Asked::default();
        let set = asked.clone();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| set.set(result));
        asked
    }

    /// The words that were asked for, once the GPU has written them.
    pub async fn answer(&self, buffer: &wgpu::Buffer, asked: Asked) -> Result<Vec<u32>> {
        let mapped = wait::until(self, &asked).await;
        // What the GPU complained about explains a failed mapping better than the mapping does.
        self.faults.check()?;
        mapped?.map_err(|error| Error::device(format!("a result cannot be read: {error}")))?;
        let view = buffer.get_mapped_range(..);
        let view = view.map_err(|error| Error::device(format!("a result cannot be read: {error}")))?;
        let words = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        buffer.unmap();
        Ok(words)
    }
}
