//! What a decoder keeps from one pass to the next. A policy says how keys and values are stored and read
//! back; models hand them over and know nothing of it.

mod choose;
mod compact;
mod keep;
mod plain;

pub use choose::{check, choose};
pub use compact::Compact;
pub use keep::Keep;
pub use plain::Plain;

use crate::{
    error::{Error, Result},
    graph::{Attend, Graph, Value},
};

/// How keys and values of earlier passes are kept. A layer is named by its number.
pub trait Cache {
    /// Attention of the queries `[B, S, heads · d]` over what the layer kept and over this pass's own keys and
    /// values `[B, S, kv · d]`, which are kept too → `[B, S, heads · d]`.
    fn attend(&self, graph: &mut Graph, layer: usize, qkv: [Value; 3], how: &Attend) -> Result<Value>;

    /// Keeps keys and values `[B, T, heads · d]` of another sequence.
    fn keep(&self, graph: &mut Graph, layer: usize, kv: [Value; 2], heads: usize) -> Result<()>;

    /// Attention of the queries `[B, S, heads · d]` over the rows that [`Cache::keep`] kept.
    fn recall(&self, graph: &mut Graph, layer: usize, q: Value, how: &Attend) -> Result<Value>;
}

/// Nothing is kept: every pass stands alone.
pub struct Stateless;

impl Cache for Stateless {
    fn attend(&self, graph: &mut Graph, _: usize, [q, k, v]: [Value; 3], how: &Attend) -> Result<Value> {
        graph.attend(q, k, v, how)
    }

    fn keep(&self, _: &mut Graph, _: usize, _: [Value; 2], _: usize) -> Result<()> {
        Err(Error::internal("a pass that stands alone keeps nothing"))
    }

    fn recall(&self, _: &mut Graph, _: usize, _: Value, _: &Attend) -> Result<Value> {
        Err(Error::internal("a pass that stands alone kept nothing"))
    }
}
