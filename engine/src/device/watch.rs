//! Buffers of which it is only known later whether the device has the memory for them: a GPU answers when it comes
//! to it.

#[cfg(feature = "gpu")]
use std::pin::Pin;

use super::Space;
use crate::error::{Error, Result};

/// What was made of buffers, before the device has said whether it has the memory.
pub struct Watched<T> {
    made: T,
    /// Bytes on the device: of these buffers, and before them.
    wanted: u64,
    held: u64,
    #[cfg(feature = "gpu")]
    answer: Option<Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>>,
}

impl Space {
    /// Makes something of buffers under the eyes of the device.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn watch<T>(&self, make: impl FnOnce() -> Result<T>) -> Result<Watched<T>> {
        let held = self.memory().total.live;
        #[cfg(feature = "gpu")]
        let scope = match &self.device {
            super::Device::Gpu(gpu) if !self.imagined => {
                Some(gpu.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory))
            }
            _ => None,
        };
        let made = make()?;
        Ok(Watched {
            made,
            wanted: self.memory().total.live - held,
            held,
            #[cfg(feature = "gpu")]
            answer: scope.map(|scope| Box::pin(scope.pop()) as _),
        })
    }
}

impl<T> Watched<T> {
    /// What was made, once the device has said that it has the memory.
    ///
    /// # Errors
    /// When it has not.
    pub async fn granted(self) -> Result<T> {
        #[cfg(feature = "gpu")]
        if let Some(answer) = self.answer
            && answer.await.is_some()
        {
            let Self { wanted, held, .. } = self;
            return Err(Error::out_of_memory("GPU out of memory")
                .expected(format!("{wanted} more bytes"))
                .found(format!("{held} bytes that the model holds already"))
                .hint("quantize the weights, or leave some beside the GPU with `cpu_offload` or `streaming`"));
        }
        Ok(self.made)
    }
}
