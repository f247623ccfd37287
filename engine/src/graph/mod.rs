//! What is to be computed, without a device: a [`Graph`] of [`Op`]s, and the [`Plan`] that computes the
//! outputs asked for in as little memory as their lifetimes allow.

mod build;
mod op;
mod plan;

pub use build::{Attend, Graph, Value};
pub(crate) use op::memory_axes;
pub use op::{Activation, Op, Sampling};
pub use plan::{Operand, Plan, Port, Step};

/// Element type of a value in the graph. Both have four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 32-bit integer: ids and masks.
    I32,
}
