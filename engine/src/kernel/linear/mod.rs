//! Linear layers: `activation(x · weightᵀ + bias)`, with plain or quantized weights.

mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
mod reference;
#[cfg(feature = "gpu")]
pub mod stack;

pub use cpu::cpu;
pub use reference::reference;
