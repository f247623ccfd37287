//! Self-attention of BERT's kind: three projections, attention, one projection.

use super::Linear;
use crate::{
    error::Result,
    graph::{Graph, Value},
    weights::Weights,
};

/// Self-attention without the residual around it.
pub struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl SelfAttention {
    /// Declares the four projections under `weights`, which is the `attention` of a layer.
    pub fn new(weights: &Weights<'_>, hidden: usize, heads: usize) -> Result<Self> {
        let project = |name: &str| Linear::new(&weights.at(name), hidden, hidden);
        Ok(Self {
            query: project("self.query")?,
            key: project("self.key")?,
            value: project("self.value")?,
            output: project("output.dense")?,
            heads,
        })
    }

    /// x `[B, S, H]`, mask `[B, S]` → `[B, S, H]`
    pub fn forward(&self, graph: &mut Graph, x: Value, mask: Value) -> Result<Value> {
        let query = self.query.forward(graph, x, None)?;
        let key = self.key.forward(graph, x, None)?;
        let value = self.value.forward(graph, x, None)?;
        let context = graph.attention(query, key, value, mask, self.heads)?;
        self.output.forward(graph, context, None)
    }
}
