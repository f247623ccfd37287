//! Layer norm and RMS norm.

use crate::{
    error::Result,
    graph::{Graph, Value},
    weights::{Param, Weights},
};

/// Rows with mean 0 and variance 1, scaled and shifted.
pub struct LayerNorm {
    scale: Param,
    shift: Param,
    epsilon: f32,
}

impl LayerNorm {
    /// Declares `weight` and `bias` `[width]` under `weights`.
    pub fn new(weights: &Weights<'_>, width: usize, epsilon: f32) -> Result<Self> {
        Ok(Self { scale: weights.scale("weight", width)?, shift: weights.bias("bias", width)?, epsilon })
    }

    /// x `[…, width]` → the same shape
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.layer_norm(x, None, &self.scale, &self.shift, self.epsilon)
    }

    /// The norm of `x + residual`.
    pub fn forward_residual(&self, graph: &mut Graph, x: Value, residual: Value) -> Result<Value> {
        graph.layer_norm(x, Some(residual), &self.scale, &self.shift, self.epsilon)
    }
}

/// Rows with mean square 1, scaled.
pub struct RmsNorm {
    scale: Param,
    epsilon: f32,
}

impl RmsNorm {
    /// Declares `weight` `[width]` under `weights`.
    pub fn new(weights: &Weights<'_>, width: usize, epsilon: f32) -> Result<Self> {
        Ok(Self { scale: weights.scale("weight", width)?, epsilon })
    }

    /// x `[…, width]` → the same shape
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.rms_norm(x, &self.scale, self.epsilon)
    }
}
