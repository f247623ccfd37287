//! Heads on an encoder's hidden states.

use super::{LayerNorm, Linear};
use crate::{
    error::Result,
    graph::{Activation, Graph, Value},
    weights::Weights,
};

/// Predicts the word at every position: dense, activation, norm, decoder over the vocabulary.
pub struct MaskedLm {
    /// `[H, H]`
    pub dense: Linear,
    /// Applied to the dense layer.
    pub activation: Activation,
    /// Over `H`.
    pub norm: LayerNorm,
    /// `[V, H]`
    pub decoder: Linear,
}

impl MaskedLm {
    /// x `[B, S, H]` → logits `[B, S, V]`
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let x = self.dense.forward(graph, x, Some(self.activation))?;
        let x = self.norm.forward(graph, x)?;
        self.decoder.forward(graph, x, None)
    }
}

/// Labels every position.
pub struct TokenHead(Linear);

impl TokenHead {
    /// Declares a linear layer under `weights`.
    pub fn new(weights: &Weights<'_>, labels: usize, hidden: usize) -> Result<Self> {
        Linear::new(weights, labels, hidden).map(Self)
    }

    /// x `[B, S, H]` → logits `[B, S, labels]`
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.0.forward(graph, x, None)
    }
}

/// Labels a sequence from its first hidden state, as RoBERTa does: dense, tanh, projection.
pub struct SequenceHead {
    dense: Linear,
    projection: Linear,
}

impl SequenceHead {
    /// Declares `dense` and `out_proj` under `weights`.
    pub fn new(weights: &Weights<'_>, labels: usize, hidden: usize) -> Result<Self> {
        Ok(Self {
            dense: Linear::new(&weights.at("dense"), hidden, hidden)?,
            projection: Linear::new(&weights.at("out_proj"), labels, hidden)?,
        })
    }

    /// x `[B, S, H]` → logits `[B, labels]`
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let first = graph.first_row(x)?;
        let dense = self.dense.forward(graph, first, Some(Activation::Tanh))?;
        self.projection.forward(graph, dense, None)
    }
}
