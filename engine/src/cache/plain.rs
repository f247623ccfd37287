//! Every key and value as 32-bit floats, in buffers as large as they will ever have to be.

use super::Cache;
use crate::{
    error::Result,
    graph::{Attend, Graph, Value},
    protocol::Tensor,
};

/// Buffers `[B, kv, capacity, d]` per layer, filled row by row. A later pass differs in `past` only.
pub struct Plain {
    /// Rows of every sequence.
    pub capacity: usize,
}

fn name(layer: usize, part: &str) -> String {
    format!("layer{layer}.{part}")
}

/// Shape of a cache of `rows` rows for keys or values `[B, S, heads · d]`.
pub(super) fn shape(graph: &Graph, x: Value, heads: usize, rows: usize) -> [usize; 4] {
    let (batch, hidden) = match *graph.shape(x) {
        [batch, .., hidden] => (batch, hidden),
        _ => (0, 0),
    };
    [batch, heads, rows, hidden / heads.max(1)]
}

impl Cache for Plain {
    fn attend(&self, graph: &mut Graph, layer: usize, [q, k, v]: [Value; 3], how: &Attend) -> Result<Value> {
        let mut extended = |part: &str, x: Value| {
            let shape = shape(graph, x, how.kv_heads, self.capacity);
            let cache = graph.state(&name(layer, part), &shape);
            graph.append(cache, x, how.past)
        };
        let (k, v) = (extended("key", k)?, extended("value", v)?);
        graph.attend(q, k, v, how)
    }

    fn keep(&self, graph: &mut Graph, layer: usize, kv: [Value; 2], heads: usize) -> Result<()> {
        let first = graph.constant(Tensor::i32(&[1], vec![0]));
        for (part, x) in ["memory.key", "memory.value"].into_iter().zip(kv) {
            let rows = graph.shape(x).get(1).copied().unwrap_or(0);
            let shape = shape(graph, x, heads, rows);
            let cache = graph.state(&name(layer, part), &shape);
            let kept = graph.append(cache, x, first)?;
            graph.effect(kept);
        }
        Ok(())
    }

    fn recall(&self, graph: &mut Graph, layer: usize, q: Value, how: &Attend) -> Result<Value> {
        let rows = graph.shape(how.mask).get(1).copied().unwrap_or(0);
        let mut shape = shape(graph, q, how.heads, rows);
        shape[1] = how.kv_heads;
        let [k, v] = ["memory.key", "memory.value"].map(|part| graph.state(&name(layer, part), &shape));
        graph.attend(q, k, v, how)
    }
}
