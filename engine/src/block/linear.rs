//! A linear layer with a bias.

use crate::{
    error::Result,
    graph::{Activation, Graph, Value},
    weights::{Param, Weights},
};

/// `activation(x · weightᵀ + bias)`
pub struct Linear {
    weight: Param,
    bias: Param,
}

impl Linear {
    /// Declares `weight` `[outputs, inputs]` and `bias` `[outputs]` under `weights`.
    pub fn new(weights: &Weights<'_>, outputs: usize, inputs: usize) -> Result<Self> {
        Ok(Self { weight: weights.linear("weight", outputs, inputs)?, bias: weights.bias("bias", outputs)? })
    }

    /// A layer that borrows its matrix from elsewhere.
    #[must_use]
    pub fn tied(weight: Param, bias: Param) -> Self {
        Self { weight, bias }
    }

    /// x `[…, inputs]` → `[…, outputs]`
    pub fn forward(&self, graph: &mut Graph, x: Value, activation: Option<Activation>) -> Result<Value> {
        graph.linear(x, &self.weight, &self.bias, activation)
    }
}
