//! A linear layer.

use crate::{
    error::Result,
    graph::{Activation, Graph, Value},
    weights::{Param, Weights},
};

/// `activation(x · weightᵀ + bias)`
pub struct Linear {
    weight: Param,
    bias: Option<Param>,
}

impl Linear {
    /// Declares `weight` `[outputs, inputs]` and `bias` `[outputs]` under `weights`.
    pub fn new(weights: &Weights<'_>, outputs: usize, inputs: usize) -> Result<Self> {
        Ok(Self { weight: weights.linear("weight", outputs, inputs)?, bias: Some(weights.bias("bias", outputs)?) })
    }

    /// Declares `weight` and, if `biased`, `bias` under `weights`.
    pub fn optional(weights: &Weights<'_>, outputs: usize, inputs: usize, biased: bool) -> Result<Self> {
        let bias = if biased { Some(weights.bias("bias", outputs)?) } else { None };
        Ok(Self { weight: weights.linear("weight", outputs, inputs)?, bias })
    }

    /// Declares the `weight` `[outputs, inputs, length]` and the `bias` of a convolution over rows, which is a
    /// linear layer over windows of them.
    pub fn window(weights: &Weights<'_>, outputs: usize, inputs: usize, length: usize) -> Result<Self> {
        let weight = weights.window("weight", outputs, inputs, length)?;
        Ok(Self { weight, bias: Some(weights.bias("bias", outputs)?) })
    }

    /// Declares a `weight` that files hold as `[inputs, outputs]`, and `bias` `[outputs]` under `weights`.
    pub fn transposed(weights: &Weights<'_>, outputs: usize, inputs: usize) -> Result<Self> {
        let weight = weights.transposed("weight", outputs, inputs)?;
        Ok(Self { weight, bias: Some(weights.bias("bias", outputs)?) })
    }

    /// A layer that borrows its matrix from elsewhere.
    #[must_use]
    pub fn tied(weight: Param, bias: Param) -> Self {
        Self { weight, bias: Some(bias) }
    }

    /// x `[…, inputs]` → `[…, outputs]`
    pub fn forward(&self, graph: &mut Graph, x: Value, activation: Option<Activation>) -> Result<Value> {
        match &self.bias {
            Some(bias) => graph.linear(x, &self.weight, bias, activation),
            None => graph.project(x, &self.weight, activation),
        }
    }
}
