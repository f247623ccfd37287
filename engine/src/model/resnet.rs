//! ResNet (He et al. 2015): stages of residual layers, basic or with a bottleneck.

use super::{Model, PixelRules, Task};
use crate::{
    block::{ConvNorm, Linear},
    error::Result,
    graph::{Activation, Graph, Value, Window},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::Weights,
};

/// What a bottleneck divides the channels by.
const REDUCTION: usize = 4;

struct ResNet {
    rules: PixelRules,
    stem: ConvNorm,
    stages: Vec<Vec<Layer>>,
    activation: Activation,
    labels: Option<Linear>,
}

struct Layer {
    parts: Vec<ConvNorm>,
    shortcut: Option<ConvNorm>,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    let (channels, embedding) = (config.size("num_channels", 3)?, config.size("embedding_size", 64)?);
    let widths = config.sizes("hidden_sizes", &[256, 512, 1024, 2048])?;
    let depths = config.sizes("depths", &[3, 4, 6, 3])?;
    if depths.len() != widths.len() {
        let expected = format!("as many entries as hidden_sizes has, {}", widths.len());
        return Err(Config::wrong("depths", &expected, depths.len()));
    }
    let bottleneck = match config.word("layer_type", "bottleneck")? {
        "bottleneck" => true,
        "basic" => false,
        other => return Err(Config::wrong("layer_type", "'basic' or 'bottleneck'", format!("'{other}'"))),
    };
    let early = config.flag("downsample_in_bottleneck", false)?;
    let root = weights.at_optional("resnet");
    let mut inputs = embedding;
    let mut stages = Vec::new();
    for (stage, (&width, &depth)) in widths.iter().zip(&depths).enumerate() {
        let mut layers = Vec::new();
        for index in 0..depth {
            let halves = index == 0 && (stage > 0 || config.flag("downsample_in_first_stage", false)?);
            let layer = root.at(&format!("encoder.stages.{stage}.layers.{index}"));
            let stride = if halves { 2 } else { 1 };
            layers.push(Layer::new(&layer, [width, inputs], stride, bottleneck, early)?);
            inputs = width;
        }
        stages.push(layers);
    }
    let labels = || Linear::new(&weights.at("classifier.1"), config.labels(), inputs);
    Ok(Box::new(ResNet {
        rules: PixelRules { channels, size: [config.size("image_size", 224)?; 2], fixed: false, frames: None },
        stem: ConvNorm::new(&root.at("embedder.embedder"), [embedding, channels], 7, 2)?,
        stages,
        activation: Activation::parse("hidden_act", config.word("hidden_act", "relu")?)?,
        labels: if task == Task::SequenceLabels { Some(labels()?) } else { None },
    }))
}

impl Layer {
    fn new(
        weights: &Weights<'_>,
        [outputs, inputs]: [usize; 2],
        stride: usize,
        bottleneck: bool,
        early: bool,
    ) -> Result<Self> {
        let narrow = (outputs / REDUCTION).max(1);
        let (first, second) = if early { (stride, 1) } else { (1, stride) };
        // Outputs, inputs, size and stride of every convolution.
        let parts: &[([usize; 2], usize, usize)] = if bottleneck {
            &[([narrow, inputs], 1, first), ([narrow, narrow], 3, second), ([outputs, narrow], 1, 1)]
        } else {
            &[([outputs, inputs], 3, stride), ([outputs, outputs], 3, 1)]
        };
        let part = |(index, &(channels, size, stride)): (usize, &([usize; 2], usize, usize))| {
            ConvNorm::new(&weights.at(&format!("layer.{index}")), channels, size, stride)
        };
        let shortcut = || ConvNorm::new(&weights.at("shortcut"), [outputs, inputs], 1, stride);
        Ok(Self {
            parts: parts.iter().enumerate().map(part).collect::<Result<_>>()?,
            shortcut: if inputs != outputs || stride != 1 { Some(shortcut()?) } else { None },
        })
    }

    /// x `[B, H, W, inputs]` → `[B, H / stride, W / stride, outputs]`
    fn forward(&self, graph: &mut Graph, x: Value, activation: Activation) -> Result<Value> {
        let residual = match &self.shortcut {
            Some(shortcut) => shortcut.forward(graph, x, false, None, None)?,
            None => x,
        };
        let mut y = x;
        for (index, part) in self.parts.iter().enumerate() {
            // Whatever the configuration says, ReLU is inside: its activation is behind the sum only.
            y = if index + 1 == self.parts.len() {
                part.forward(graph, y, false, Some(residual), Some(activation))?
            } else {
                part.forward(graph, y, false, None, Some(Activation::Relu))?
            };
        }
        Ok(y)
    }
}

impl Model for ResNet {
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
        let x = self.stem.forward(&mut graph, pixels, true, None, Some(self.activation))?;
        let mut x = graph.max_pool(x, [3, 3], Window { stride: [2, 2], padding: [1, 1] })?;
        graph.image_output("embeddings", x)?;
        for (index, stage) in self.stages.iter().enumerate() {
            for layer in stage {
                x = layer.forward(&mut graph, x, self.activation)?;
            }
            graph.image_output(&format!("layer{index}"), x)?;
        }
        graph.image_output("last_hidden_state", x)?;
        let pooled = graph.mean(x)?;
        match &self.labels {
            Some(labels) => {
                let logits = labels.forward(&mut graph, pooled, None)?;
                graph.output("logits", logits);
            }
            None => {
                let shape = [graph.shape(pooled), &[1, 1]].concat();
                let pooled = graph.reshape(pooled, &shape)?;
                graph.output("pooler_output", pooled);
            }
        }
        Ok(graph)
    }
}
