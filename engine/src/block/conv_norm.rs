//! A convolution with batch norm, as residual networks are made of (He et al. 2015).

use crate::{
    error::Result,
    graph::{Activation, Conv, Graph, Value, Window},
    weights::{Param, Weights},
};

/// Added to the variances of every batch norm, whatever the configuration.
const EPSILON: f32 = 1e-5;

/// Scale, shift and statistics of a batch norm, each `[C]`.
pub struct BatchNorm {
    mean: Param,
    variance: Param,
    scale: Param,
    shift: Param,
}

impl BatchNorm {
    /// Declares the four vectors under `weights`.
    pub fn new(weights: &Weights<'_>, channels: usize) -> Result<Self> {
        Ok(Self {
            mean: weights.bias("running_mean", channels)?,
            variance: weights.scale("running_var", channels)?,
            scale: weights.scale("weight", channels)?,
            shift: weights.bias("bias", channels)?,
        })
    }

    /// x `[…, C]` → activation(norm(x) + residual)
    pub fn forward(
        &self,
        graph: &mut Graph,
        x: Value,
        residual: Option<Value>,
        activation: Option<Activation>,
    ) -> Result<Value> {
        let statistics = [&self.mean, &self.variance, &self.scale, &self.shift];
        graph.batch_norm(x, statistics, residual, EPSILON, activation)
    }
}

/// A square convolution without bias, then batch norm.
pub struct ConvNorm {
    window: Param,
    stride: usize,
    norm: BatchNorm,
}

impl ConvNorm {
    /// Declares `convolution` and `normalization` under `weights`; padding keeps the size.
    pub fn new(weights: &Weights<'_>, [outputs, inputs]: [usize; 2], size: usize, stride: usize) -> Result<Self> {
        Ok(Self {
            window: weights.conv("convolution.weight", &[outputs, inputs, size, size])?,
            stride,
            norm: BatchNorm::new(&weights.at("normalization"), outputs)?,
        })
    }

    /// x `[B, H, W, C]`, or `[B, C, H, W]` if `channels_first` → activation(norm(conv(x)) + residual)
    pub fn forward(
        &self,
        graph: &mut Graph,
        x: Value,
        channels_first: bool,
        residual: Option<Value>,
        activation: Option<Activation>,
    ) -> Result<Value> {
        let [outputs, inputs, size] = [self.window.shape[0], self.window.shape[1], self.window.shape[2]];
        let x = if size == 1 && self.stride == 1 && !channels_first {
            graph.project(x, &self.window.reshaped(&[outputs, inputs]), None)?
        } else {
            let window = Window { stride: [self.stride; 2], padding: [size / 2; 2] };
            graph.conv(x, &self.window, None, Conv { window, groups: 1, activation: None, channels_first })?
        };
        self.norm.forward(graph, x, residual, activation)
    }
}
