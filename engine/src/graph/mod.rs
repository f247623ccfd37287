//! What is to be computed, without a device: a [`Graph`] of [`Op`]s, and the [`Plan`] that computes the
//! outputs asked for in as little memory as their lifetimes allow.

mod activation;
mod build;
pub mod copy;
mod flash;
mod memory;
mod op;
pub mod pass;
mod plan;
mod shape;
mod sound;
mod spatial;
pub mod window;

pub use activation::Activation;
pub use build::{Attend, Graph, Source, Value};
pub use copy::Strided;
pub use flash::{Flash, Parts, Span, part_width};
pub use memory::{Ring, Select, Store, Stored, turned_together};
pub use op::{Op, Sampling};
pub use plan::{Operand, Plan, Port, Step};
pub(crate) use shape::memory_axes;
pub use sound::Sound;
pub use spatial::{AttentionRule, Statistics};
pub use window::{Conv, Window};

/// Element type of a value in the graph. Both have four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 32-bit integer: ids and masks.
    I32,
}
