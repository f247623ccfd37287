//! The operations of [`crate::graph::Op`] as code: a plain reference, a fast CPU form and WGSL.
//!
//! Each folder is one operation, or a part several share. References know shapes and storage formats only
//! and are the truth that every other form is tested against. [`mod@reference`], [`cpu`] and [`gpu`] are
//! the three tables from operation to form.

pub mod activation;
pub mod add;
pub mod attention;
pub mod batch_norm;
pub mod blend;
pub mod conv;
pub mod copy;
pub mod cpu;
pub mod elementwise;
pub mod flash;
pub mod gather;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod group_norm;
pub mod grouped;
mod lanes;
pub mod layer_norm;
pub mod linear;
pub mod log_mel;
mod matmul;
pub mod memory;
mod operand;
pub mod pointwise;
pub mod pool;
pub mod reference;
pub mod resize;
pub mod rms_norm;
pub mod rotary;
pub mod sample;
pub mod select;
#[cfg(feature = "gpu")]
pub mod shader;
pub mod sound;
pub mod spatial;
pub mod statistics;
#[cfg(feature = "gpu")]
pub mod weight;
pub mod weight_norm;
pub mod window;

pub use operand::Operand;
