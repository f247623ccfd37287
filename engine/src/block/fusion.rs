//! Attentional feature fusion (Dai et al. 2020), by which CLAP looks at long sounds both as a whole and closely.

use super::{BatchNorm, LayerShape};
use crate::{
    error::{Error, Result},
    graph::{Activation, Conv, Graph, Value, Window},
    load::Config,
    weights::{Param, Weights},
};

/// Mixes the whole of a sound with three closer looks.
pub struct Fusion {
    window: Param,
    bias: Param,
    steps: Window,
    local: Gate,
    global: Gate,
}

/// Two linear layers per pixel, each with batch norm, the first with ReLU.
struct Gate {
    inner: (Param, Param, BatchNorm),
    outer: (Param, Param, BatchNorm),
}

impl Fusion {
    /// Declares `mel_conv2d` and `fusion_model` under `weights`, the patch embedding; `steps` are its own.
    pub fn new(config: &Config, weights: &Weights<'_>, width: usize, size: usize, steps: Window) -> Result<Self> {
        let divisor = config.size("aff_block_r", 4)?;
        LayerShape::divides("aff_block_r", divisor, "patch_embeds_hidden_size", width)?;
        let closer = weights.at("mel_conv2d");
        let gate =
            |name: &str, first: usize| Gate::new(&weights.at("fusion_model").at(name), [width / divisor, width], first);
        Ok(Self {
            window: closer.conv("weight", &[width, 1, size, 3 * size])?,
            bias: closer.bias("bias", width)?,
            steps: Window { stride: [steps.stride[0], 3 * steps.stride[1]], ..steps },
            local: gate("local_att", 0)?,
            // In front of it the mean is taken.
            global: gate("global_att", 1)?,
        })
    }

    /// image `[B, 4, side, side]`, the whole `[B, h, w, C]` → `[B, h, w, C]`, mixed where a sound is longer
    pub fn forward(
        &self,
        graph: &mut Graph,
        image: Value,
        whole: Value,
        [longer, shorter]: [Value; 2],
    ) -> Result<Value> {
        let (&[batch, channels, side, _], &[_, height, width, depth]) = (graph.shape(image), graph.shape(whole)) else {
            return Err(Error::internal("four axes"));
        };
        let closer = graph.slice(image, 1, 1, channels - 1)?;
        let closer = graph.reshape(closer, &[batch * (channels - 1), 1, side, side])?;
        let conv = Conv { window: self.steps, groups: 1, activation: None, channels_first: true };
        let closer = graph.conv(closer, &self.window, Some(&self.bias), conv)?;
        // The looks side by side, and zeros where they end too early.
        let &[_, rows, columns, _] = graph.shape(closer) else { return Err(Error::internal("four axes")) };
        let closer = graph.reshape(closer, &[batch, channels - 1, rows, columns, depth])?;
        let closer = graph.permute(closer, &[0, 2, 1, 3, 4])?;
        let closer = graph.reshape(closer, &[batch, rows, (channels - 1) * columns, depth])?;
        let closer = graph.slice(closer, 2, 0, width)?;
        let mixed = self.mix(graph, whole, closer)?;
        // Each sound is either mixed or not.
        let flat = [batch, 1, height * width * depth];
        let [mixed, whole] = [graph.reshape(mixed, &flat)?, graph.reshape(whole, &flat)?];
        let [mixed, whole] = [graph.mask_rows(mixed, longer)?, graph.mask_rows(whole, shorter)?];
        let x = graph.add(mixed, whole)?;
        graph.reshape(x, &[batch, height, width, depth])
    }

    /// 2 · a · gate + 2 · b · (1 - gate)
    fn mix(&self, graph: &mut Graph, a: Value, b: Value) -> Result<Value> {
        let sum = graph.add(a, b)?;
        let shape = graph.shape(sum).to_vec();
        let (batch, positions, depth) = (shape[0], shape[1] * shape[2], shape[3]);
        let local = self.local.forward(graph, sum)?;
        let mean = graph.mean(sum)?;
        let global = self.global.forward(graph, mean)?;
        let global = graph.spread(global, 1, positions)?;
        let global = graph.reshape(global, &[batch, shape[1], shape[2], depth])?;
        let gate = graph.add(local, global)?;
        let gate = graph.activate(gate, Activation::Sigmoid)?;
        let opposite = graph.scale(b, -1.0)?;
        let difference = graph.add(a, opposite)?;
        let share = graph.multiply(gate, difference)?;
        let half = graph.add(share, b)?;
        graph.scale(half, 2.0)
    }
}

impl Gate {
    fn new(weights: &Weights<'_>, [inner, outer]: [usize; 2], first: usize) -> Result<Self> {
        let part = |index: usize, outputs: usize, inputs: usize| {
            let conv = weights.at(&index.to_string());
            let window = conv.conv("weight", &[outputs, inputs, 1, 1])?.reshaped(&[outputs, inputs]);
            let norm = BatchNorm::new(&weights.at(&(index + 1).to_string()), outputs)?;
            Ok::<_, Error>((window, conv.bias("bias", outputs)?, norm))
        };
        Ok(Self { inner: part(first, inner, outer)?, outer: part(first + 3, outer, inner)? })
    }

    /// x `[…, C]` → the same shape
    fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let (weight, bias, norm) = &self.inner;
        let x = graph.linear(x, weight, bias, None)?;
        let x = norm.forward(graph, x, None, Some(Activation::Relu))?;
        let (weight, bias, norm) = &self.outer;
        let x = graph.linear(x, weight, bias, None)?;
        norm.forward(graph, x, None, None)
    }
}
