//! ConvNeXt (Liu et al. 2022): depthwise convolutions and per-pixel linear layers in stages.

use super::{Model, PixelRules, Task};
use crate::{
    block::{LayerNorm, Linear},
    error::Result,
    graph::{Activation, Conv, Graph, Value, Window},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::{Param, Weights},
};

/// Added to the variances of all norms but the last, whatever the configuration.
const EPSILON: f32 = 1e-6;
/// Side of a depthwise window.
const SIDE: usize = 7;

struct ConvNext {
    rules: PixelRules,
    patches: Halving,
    patch_norm: LayerNorm,
    stages: Vec<Stage>,
    norm: LayerNorm,
    labels: Option<Linear>,
}

struct Stage {
    halving: Option<(LayerNorm, Halving)>,
    layers: Vec<Layer>,
}

/// A convolution over tiles.
struct Halving {
    window: Param,
    bias: Param,
}

struct Layer {
    window: Param,
    bias: Param,
    norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    scale: Option<Param>,
    activation: Activation,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    let channels = config.size("num_channels", 3)?;
    let [height, width] = config.pair("patch_size", 4)?;
    let widths = config.sizes("hidden_sizes", &[96, 192, 384, 768])?;
    let depths = config.sizes("depths", &[3, 3, 9, 3])?;
    if depths.len() != widths.len() {
        let expected = format!("as many entries as hidden_sizes has, {}", widths.len());
        return Err(Config::wrong("depths", &expected, depths.len()));
    }
    let root = weights.at_optional("convnext");
    let stage = |index: usize| {
        let (weights, width) = (root.at(&format!("encoder.stages.{index}")), widths[index]);
        let halving = |inputs| {
            let norm = LayerNorm::new(&weights.at("downsampling_layer.0"), inputs, EPSILON)?;
            Ok((norm, Halving::new(&weights.at("downsampling_layer.1"), &[width, inputs, 2, 2])?))
        };
        Ok(Stage {
            halving: if index > 0 { Some(halving(widths[index - 1])?) } else { None },
            layers: (0..depths[index])
                .map(|layer| Layer::new(config, &weights.at(&format!("layers.{layer}")), width))
                .collect::<Result<_>>()?,
        })
    };
    let last = widths[widths.len() - 1];
    let labels = || Linear::new(&weights.at("classifier"), config.labels(), last);
    Ok(Box::new(ConvNext {
        rules: PixelRules { channels, size: [config.size("image_size", 224)?; 2], fixed: false, frames: None },
        patches: Halving::new(&root.at("embeddings.patch_embeddings"), &[widths[0], channels, height, width])?,
        patch_norm: LayerNorm::new(&root.at("embeddings.layernorm"), widths[0], EPSILON)?,
        stages: (0..widths.len()).map(stage).collect::<Result<_>>()?,
        norm: LayerNorm::new(&root.at("layernorm"), last, config.float("layer_norm_eps", 1e-12)?)?,
        labels: if task == Task::SequenceLabels { Some(labels()?) } else { None },
    }))
}

impl Halving {
    fn new(weights: &Weights<'_>, shape: &[usize; 4]) -> Result<Self> {
        Ok(Self { window: weights.conv("weight", shape)?, bias: weights.bias("bias", shape[0])? })
    }

    fn forward(&self, graph: &mut Graph, x: Value, channels_first: bool) -> Result<Value> {
        let window = Window::tiles([self.window.shape[2], self.window.shape[3]]);
        let conv = Conv { window, groups: 1, activation: None, channels_first };
        graph.conv(x, &self.window, Some(&self.bias), conv)
    }
}

impl Layer {
    fn new(config: &Config, weights: &Weights<'_>, width: usize) -> Result<Self> {
        let scaled = config.float("layer_scale_init_value", 1e-6)? > 0.0;
        Ok(Self {
            window: weights.conv("dwconv.weight", &[width, 1, SIDE, SIDE])?,
            bias: weights.bias("dwconv.bias", width)?,
            norm: LayerNorm::new(&weights.at("layernorm"), width, EPSILON)?,
            inner: Linear::new(&weights.at("pwconv1"), 4 * width, width)?,
            outer: Linear::new(&weights.at("pwconv2"), width, 4 * width)?,
            scale: if scaled { Some(weights.scale("layer_scale_parameter", width)?) } else { None },
            activation: Activation::parse("hidden_act", config.word("hidden_act", "gelu")?)?,
        })
    }

    /// x `[B, H, W, C]` → the same shape
    fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let window = Window { stride: [1, 1], padding: [SIDE / 2; 2] };
        let conv = Conv { window, groups: self.window.shape[0], activation: None, channels_first: false };
        let y = graph.conv(x, &self.window, Some(&self.bias), conv)?;
        let y = self.norm.forward(graph, y)?;
        let y = self.inner.forward(graph, y, Some(self.activation))?;
        let y = self.outer.forward(graph, y, None)?;
        match &self.scale {
            Some(scale) => graph.scale_add(y, scale, x),
            None => graph.add(y, x),
        }
    }
}

impl Model for ConvNext {
    fn vocabulary(&self) -> usize {
        0
    }

    fn inputs(&self) -> Vec<InputInfo> {
        vec![self.rules.info()]
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        self.rules.only(inputs)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let pixels = PixelRules::declare(&mut graph, inputs)?;
        let x = self.patches.forward(&mut graph, pixels, true)?;
        let mut x = self.patch_norm.forward(&mut graph, x)?;
        graph.image_output("embeddings", x)?;
        for (index, stage) in self.stages.iter().enumerate() {
            if let Some((norm, halving)) = &stage.halving {
                let normed = norm.forward(&mut graph, x)?;
                x = halving.forward(&mut graph, normed, false)?;
            }
            for layer in &stage.layers {
                x = layer.forward(&mut graph, x)?;
            }
            graph.image_output(&format!("layer{index}"), x)?;
        }
        graph.image_output("last_hidden_state", x)?;
        let pooled = graph.mean(x)?;
        let pooled = self.norm.forward(&mut graph, pooled)?;
        match &self.labels {
            Some(labels) => {
                let logits = labels.forward(&mut graph, pooled, None)?;
                graph.output("logits", logits);
            }
            None => graph.output("pooler_output", pooled),
        }
        Ok(graph)
    }
}
