//! What is asked of a device, whatever models are on it.

use super::Host;
use crate::{
    bench,
    device::Device,
    error::{Error, Result},
    protocol::{BenchWork, Outcome, Platform},
};
#[cfg(feature = "gpu")]
use crate::{clock, kernel::shader::Kernel, protocol::CompiledKernel};

impl Host {
    pub(super) async fn device(&mut self, platform: Platform) -> Result<Device> {
        if let Some(device) = self.devices.get(&platform).filter(|device| !device.lost()) {
            return Ok(device.clone());
        }
        let device = Device::open(platform).await?;
        self.devices.insert(platform, device.clone());
        Ok(device)
    }

    pub(super) async fn probe(&mut self, platform: Platform) -> Result<Outcome> {
        let device = self.device(platform).await?;
        Ok(Outcome::Probed { device: device.info() })
    }

    pub(super) async fn compile(&mut self, platform: Platform) -> Result<Outcome> {
        match self.device(platform).await? {
            Device::Cpu => Err(Error::unsupported("the CPU needs no kernels compiled")),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let mut kernels = Vec::new();
                for kernel in Kernel::all().into_iter().filter(|kernel| kernel.runs_on(gpu.capability())) {
                    let started = clock::now();
                    let rejected = gpu.try_compile(kernel).await;
                    let (name, ms) = (format!("{kernel:?}"), clock::now() - started);
                    kernels.push(CompiledKernel { name, ms, rejected });
                }
                Ok(Outcome::Compiled { kernels })
            }
        }
    }

    pub(super) async fn bench(&mut self, platform: Platform, work: BenchWork, budget_ms: f64) -> Result<Outcome> {
        let device = self.device(platform).await?;
        Ok(Outcome::Benched { bench: bench::run(&device, work, budget_ms).await? })
    }

    pub(super) async fn wait(&mut self, platform: Platform, budget_ms: f64) -> Result<Outcome> {
        let device = self.device(platform).await?;
        Ok(Outcome::Waited { measures: bench::wait(&device, budget_ms).await? })
    }
}
