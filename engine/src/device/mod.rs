//! Where buffers live: the CPU, or a GPU through wgpu.
//!
//! A [`Space`] is one slot's account on a device. It is the only way to make a [`Buffer`], and a buffer
//! that is dropped gives its bytes back at once, so that the [`Ledger`] is exact on every device.

mod buffer;
#[cfg(feature = "gpu")]
pub mod gpu;
mod info;
mod ledger;
pub mod machine;
pub mod outside;
mod timeline;
mod watch;

use std::rc::Rc;

pub use buffer::Buffer;
pub use info::cpu as cpu_info;
pub use ledger::{Category, Ledger};
pub use watch::Watched;

use crate::{
    error::{Error, Result},
    protocol::{DeviceInfo, Memory, Platform, Timeline},
};

/// A device that computes.
#[derive(Clone)]
pub enum Device {
    /// The CPU this code runs on.
    Cpu,
    /// A GPU.
    #[cfg(feature = "gpu")]
    Gpu(Rc<gpu::Gpu>),
}

impl Device {
    /// Opens the device behind a platform; an error says why this host has none.
    pub async fn open(platform: Platform) -> Result<Self> {
        let here = if cfg!(target_arch = "wasm32") {
            [Platform::Webgpu, Platform::Wasm]
        } else {
            [Platform::NativeGpu, Platform::NativeCpu]
        };
        if !here.contains(&platform) {
            return Err(Error::unsupported(format!("this host has no platform '{}'", platform.name()))
                .expected(here.map(Platform::name).join(" or ")));
        }
        if !platform.is_gpu() {
            return Ok(Self::Cpu);
        }
        #[cfg(feature = "gpu")]
        return Ok(Self::Gpu(Rc::new(gpu::Gpu::open().await?)));
        #[cfg(not(feature = "gpu"))]
        Err(Error::unsupported("the engine was built without its feature 'gpu'"))
    }

    /// Whether the device was lost and has to be opened anew.
    #[must_use]
    pub fn lost(&self) -> bool {
        match self {
            Self::Cpu => false,
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.lost(),
        }
    }

    /// Whether kernels can compute with 16-bit floats.
    #[must_use]
    pub fn has_halves(&self) -> bool {
        match self {
            Self::Cpu => false,
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.capability().halves && !gpu.capability().software,
        }
    }

    /// Lookups of pipelines since the device was opened; a CPU has none.
    #[must_use]
    pub fn lookups(&self) -> Lookups {
        match self {
            Self::Cpu => Lookups::default(),
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.lookups(),
        }
    }

    /// How the device describes itself.
    #[must_use]
    pub fn info(&self) -> DeviceInfo {
        match self {
            Self::Cpu => cpu_info(),
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.info().clone(),
        }
    }
}

/// How often a pipeline was there when it was needed, and how often it had to be made first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// It was there.
    pub hits: usize,
    /// It was not.
    pub misses: usize,
}

/// One slot's buffers on a device. A clone is the same account.
#[derive(Clone)]
pub struct Space {
    device: Device,
    ledger: Rc<Ledger>,
    imagined: bool,
}

impl Space {
    /// An empty account.
    #[must_use]
    pub fn new(device: Device) -> Self {
        Self { device, ledger: Rc::default(), imagined: false }
    }

    /// An account of buffers that take no memory: for plans of what will be computed.
    #[cfg(feature = "gpu")]
    #[must_use]
    pub fn imagined(device: Device) -> Self {
        Self { device, ledger: Rc::default(), imagined: true }
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A zeroed buffer.
    pub fn create(&self, category: Category, bytes: u64) -> Result<Buffer> {
        match &self.device {
            Device::Cpu => Buffer::on_cpu(&self.ledger, category, bytes),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) if self.imagined => Ok(Buffer::imagined(&self.ledger, category, bytes)),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => Buffer::on_gpu(&self.ledger, category, bytes, gpu),
        }
    }

    /// A zeroed buffer beside the device, for what a device has no room for.
    pub fn create_outside(&self, bytes: u64) -> Result<Buffer> {
        Buffer::outside(&self.ledger, bytes)
    }

    /// Waits until everything written has arrived, and reports what the device has to complain about.
    pub async fn finish(&self) -> Result<()> {
        match &self.device {
            Device::Cpu => Ok(()),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => gpu.finish().await,
        }
    }

    /// The words of a buffer, once everything submitted so far has been computed. For looking at what usually stays on
    /// its device: on a GPU it needs a staging buffer of the same size.
    pub async fn read(&self, buffer: &Buffer) -> Result<Vec<u32>> {
        match &self.device {
            Device::Cpu => Ok(buffer.words()?.to_vec()),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let staging = self.create(Category::Staging, buffer.bytes())?;
                let mut encoder = gpu.encoder();
                encoder.copy_buffer_to_buffer(buffer.raw()?, 0, staging.raw()?, 0, buffer.bytes());
                gpu.submit(encoder.finish());
                gpu.read(staging.raw()?).await
            }
        }
    }

    /// Bytes held, per category and in total.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.ledger.memory()
    }

    /// How the bytes went since the account was opened.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        self.ledger.timeline()
    }

    /// Counts bytes that are no buffer, for as long as the answer lives.
    #[must_use]
    pub fn in_flight(&self, bytes: u64) -> InFlight {
        self.ledger.add(Category::InFlight, bytes);
        InFlight { ledger: self.ledger.clone(), bytes }
    }

    /// Starts the peaks anew from what is held now.
    pub fn reset_peak(&self) {
        self.ledger.reset_peak();
    }
}

/// Bytes on their way to a device.
pub struct InFlight {
    ledger: Rc<Ledger>,
    bytes: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.ledger.remove(Category::InFlight, self.bytes);
    }
}
