//! ViT (Dosovitskiy et al. 2020): patches through an encoder with norms in front.

use super::{Model, PixelRules, Task};
use crate::{
    block::{LayerNames, LayerNorm, LayerShape, Linear, PatchShape, Patches, TransformerLayer, name_states},
    error::Result,
    graph::{Activation, AttentionRule, Graph},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::Weights,
};

struct Vit {
    rules: PixelRules,
    patches: Patches,
    layers: Vec<TransformerLayer>,
    norm: LayerNorm,
    head: Head,
}

enum Head {
    Labels(Linear),
    Pooler(Linear, Activation),
    None,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    let mut shape = LayerShape::new(config, [768, 12, 3072], "gelu", 1e-12)?;
    shape.biased = config.flag("qkv_bias", true)?;
    let patches = PatchShape::new(config, 16, shape.hidden)?;
    let root = weights.at_optional("vit");
    let pooler = root.at("pooler.dense");
    let head = if task == Task::SequenceLabels {
        Head::Labels(Linear::new(&weights.at("classifier"), config.labels(), shape.hidden)?)
    } else if pooler.has("weight") {
        let width = config.size("pooler_output_size", shape.hidden)?;
        let activation = Activation::parse("pooler_act", config.word("pooler_act", "tanh")?)?;
        Head::Pooler(Linear::new(&pooler, width, shape.hidden)?, activation)
    } else {
        Head::None
    };
    let layer = |index| TransformerLayer::new(&root.at(&format!("encoder.layer.{index}")), &LayerNames::VIT, &shape);
    Ok(Box::new(Vit {
        rules: PixelRules { channels: patches.channels, size: patches.image, fixed: true, frames: None },
        patches: Patches::vit(&root.at("embeddings"), patches)?,
        layers: (0..config.size("num_hidden_layers", 12)?).map(layer).collect::<Result<_>>()?,
        norm: LayerNorm::new(&root.at("layernorm"), shape.hidden, shape.epsilon)?,
        head,
    }))
}

impl Model for Vit {
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
        let mut x = self.patches.forward(&mut graph, pixels)?;
        let mut states = vec![x];
        for layer in &self.layers {
            x = layer.forward_pre(&mut graph, x, &AttentionRule::default())?;
            states.push(x);
        }
        name_states(&mut graph, &states, "");
        let normed = self.norm.forward(&mut graph, x)?;
        // With a classifier, the reference's last hidden state is what goes into the last norm.
        let last = if matches!(self.head, Head::Labels(_)) { x } else { normed };
        graph.output("last_hidden_state", last);
        let first = graph.first_row(normed)?;
        match &self.head {
            Head::Labels(labels) => {
                let logits = labels.forward(&mut graph, first, None)?;
                graph.output("logits", logits);
            }
            Head::Pooler(dense, activation) => {
                let pooled = dense.forward(&mut graph, first, Some(*activation))?;
                graph.output("pooler_output", pooled);
            }
            Head::None => {}
        }
        Ok(graph)
    }
}
