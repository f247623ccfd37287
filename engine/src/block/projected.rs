//! Attention between two sequences or within one, as encoder-decoders have it.

use super::Linear;
use crate::{
    cache::{Cache, Stateless},
    error::Result,
    graph::{Attend, Graph, Value},
    protocol::Tensor,
};

/// Four projections around attention. The residual is left to the layer.
pub struct ProjectedAttention {
    /// `[heads · d, H]`
    pub query: Linear,
    /// `[heads · d, H]`
    pub key: Linear,
    /// `[heads · d, H]`
    pub value: Linear,
    /// `[H, heads · d]`
    pub output: Linear,
    /// Number of heads.
    pub heads: usize,
    /// Factor of every dot product.
    pub scale: f32,
}

/// What an attention within one sequence reads besides hidden states.
pub struct Within<'a> {
    /// `[B, keys]`, 0 where there is padding.
    pub mask: Value,
    /// `[1]`: keys in front of the first query's own, for a decoder.
    pub past: Option<Value>,
    /// A bias by distance: `[buckets, heads]`, and the bucket of every distance.
    pub bias: Option<Value>,
    /// Where keys and values are kept.
    pub cache: &'a dyn Cache,
}

/// The sequence that a decoder looks at.
pub struct Memory<'a> {
    /// Hidden states `[B, T, H]`, in the pass that computes them.
    pub hidden: Option<Value>,
    /// `[B, T]`, 0 where there is padding.
    pub mask: Value,
    /// Where its keys and values were kept, in a later pass.
    pub cache: &'a dyn Cache,
}

impl ProjectedAttention {
    /// x `[B, S, H]` → the same shape, within x and what was kept before it.
    pub fn within(&self, graph: &mut Graph, x: Value, layer: usize, what: &Within<'_>) -> Result<Value> {
        let query = self.query.forward(graph, x, None)?;
        let key = self.key.forward(graph, x, None)?;
        let value = self.value.forward(graph, x, None)?;
        let context = match what.past {
            Some(past) => {
                let how = Attend { causal: true, bias: what.bias, ..self.how(what.mask, past) };
                what.cache.attend(graph, layer, [query, key, value], &how)?
            }
            None => {
                let past = graph.constant(Tensor::i32(&[1], vec![0]));
                let how = Attend { bias: what.bias, ..self.how(what.mask, past) };
                Stateless.attend(graph, layer, [query, key, value], &how)?
            }
        };
        self.output.forward(graph, context, None)
    }

    /// x `[B, S, H]` → the same shape, looking at another sequence.
    pub fn across(&self, graph: &mut Graph, x: Value, layer: usize, memory: &Memory<'_>) -> Result<Value> {
        let query = self.query.forward(graph, x, None)?;
        let past = graph.constant(Tensor::i32(&[1], vec![0]));
        let how = self.how(memory.mask, past);
        let context = match memory.hidden {
            Some(hidden) => {
                let [key, value] = self.keys(graph, hidden)?;
                graph.attend(query, key, value, &how)?
            }
            None => memory.cache.recall(graph, layer, query, &how)?,
        };
        self.output.forward(graph, context, None)
    }

    /// Keeps keys and values of the sequence that later passes look at.
    pub fn keep(&self, graph: &mut Graph, hidden: Value, layer: usize, cache: &dyn Cache) -> Result<()> {
        let keys = self.keys(graph, hidden)?;
        cache.keep(graph, layer, keys, self.heads)
    }

    fn keys(&self, graph: &mut Graph, hidden: Value) -> Result<[Value; 2]> {
        Ok([self.key.forward(graph, hidden, None)?, self.value.forward(graph, hidden, None)?])
    }

    fn how(&self, mask: Value, past: Value) -> Attend {
        let (heads, scale) = (self.heads, self.scale);
        Attend { heads, kv_heads: heads, scale, causal: false, mask, past, bias: None }
    }
}
