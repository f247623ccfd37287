//! Feed-forward parts.

use super::{DecoderShape, Linear};
use crate::{
    error::Result,
    graph::{Activation, Graph, Value},
    weights::Weights,
};

/// `down(activation(gate(x)) · up(x))` (Shazeer 2020)
pub struct GatedMlp {
    /// `[inner, H]`
    pub gate: Linear,
    /// `[inner, H]`
    pub up: Linear,
    /// `[H, inner]`
    pub down: Linear,
    /// Applied to the gate.
    pub activation: Activation,
}

impl GatedMlp {
    /// Declares `gate_proj`, `up_proj` and `down_proj` under `weights`.
    pub fn new(weights: &Weights<'_>, shape: &DecoderShape) -> Result<Self> {
        let linear = |name: &str, outputs, inputs| Linear::optional(&weights.at(name), outputs, inputs, shape.mlp_bias);
        Ok(Self {
            gate: linear("gate_proj", shape.inner, shape.hidden)?,
            up: linear("up_proj", shape.inner, shape.hidden)?,
            down: linear("down_proj", shape.hidden, shape.inner)?,
            activation: shape.activation,
        })
    }

    /// x `[…, H]` → the same shape
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let gate = self.gate.forward(graph, x, Some(self.activation))?;
        let up = self.up.forward(graph, x, None)?;
        let inner = graph.multiply(gate, up)?;
        self.down.forward(graph, inner, None)
    }
}
