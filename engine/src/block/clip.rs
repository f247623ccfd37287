//! The two towers of CLIP (Radford et al. 2021), as CLIP and its descendants have them.

use super::{LayerNames, LayerNorm, LayerShape, PatchShape, Patches, TransformerLayer};
use crate::{
    error::Result,
    graph::{AttentionRule, Graph, Value},
    load::Config,
    weights::{Param, Weights},
};

/// The image tower.
pub struct ClipVision {
    /// Sizes of what it reads.
    pub patches_shape: PatchShape,
    patches: Patches,
    first_norm: LayerNorm,
    layers: Vec<TransformerLayer>,
    last_norm: LayerNorm,
}

impl ClipVision {
    /// Declares the tower that `config`, a `vision_config`, describes under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>) -> Result<Self> {
        let shape = LayerShape::new(config, [768, 12, 3072], "quick_gelu", 1e-5)?;
        let patches_shape = PatchShape::new(config, 32, shape.hidden)?;
        let norm = |name: &str| LayerNorm::new(&weights.at(name), shape.hidden, shape.epsilon);
        Ok(Self {
            patches_shape,
            patches: Patches::clip(&weights.at("embeddings"), patches_shape)?,
            // The name is misspelt in every checkpoint.
            first_norm: norm("pre_layrnorm")?,
            layers: layers(config, weights, &shape)?,
            last_norm: norm("post_layernorm")?,
        })
    }

    /// pixels `[B, C, height, width]` → every hidden state `[B, tokens, H]`, the embeddings first.
    pub fn hidden_states(&self, graph: &mut Graph, pixels: Value) -> Result<Vec<Value>> {
        let x = self.patches.forward(graph, pixels)?;
        let x = self.first_norm.forward(graph, x)?;
        through(graph, &self.layers, x, &AttentionRule::default())
    }

    /// The last hidden state → its class token, normed `[B, H]`
    pub fn pool(&self, graph: &mut Graph, last: Value) -> Result<Value> {
        let class = graph.first_row(last)?;
        self.last_norm.forward(graph, class)
    }
}

/// The text tower: causal, pooled at the end of the text.
pub struct ClipText {
    /// Width of hidden states.
    pub hidden: usize,
    /// Size of the vocabulary.
    pub vocabulary: usize,
    /// The longest text.
    pub longest: usize,
    words: Param,
    positions: Param,
    layers: Vec<TransformerLayer>,
    norm: LayerNorm,
}

impl ClipText {
    /// Declares the tower that `config`, a `text_config`, describes under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>) -> Result<Self> {
        let shape = LayerShape::new(config, [512, 8, 2048], "quick_gelu", 1e-5)?;
        let (vocabulary, longest) = (config.size("vocab_size", 49408)?, config.size("max_position_embeddings", 77)?);
        let embeddings = weights.at("embeddings");
        Ok(Self {
            hidden: shape.hidden,
            vocabulary,
            longest,
            words: embeddings.embedding("token_embedding.weight", vocabulary, shape.hidden)?,
            positions: embeddings.embedding("position_embedding.weight", longest, shape.hidden)?,
            layers: layers(config, weights, &shape)?,
            norm: LayerNorm::new(&weights.at("final_layer_norm"), shape.hidden, shape.epsilon)?,
        })
    }

    /// ids, positions and mask `[B, S]`, ends `[B]` → the text's vector `[B, H]`. Outputs begin with `prefix`.
    pub fn forward(&self, graph: &mut Graph, inputs: &ClipTextInputs, prefix: &str) -> Result<Value> {
        let words = graph.gather(inputs.ids, &self.words)?;
        let positions = graph.gather(inputs.positions, &self.positions)?;
        let x = graph.add(words, positions)?;
        let rule = AttentionRule { mask: Some(inputs.mask), causal: true, bias: None };
        let states = through(graph, &self.layers, x, &rule)?;
        name_states(graph, &states, prefix);
        let last = self.norm.forward(graph, states[states.len() - 1])?;
        graph.output(&format!("{prefix}last_hidden_state"), last);
        let end = graph.take_row(last, inputs.ends)?;
        let batch = graph.shape(end)[0];
        let pooled = graph.reshape(end, &[batch, self.hidden])?;
        graph.output(&format!("{prefix}pooler_output"), pooled);
        Ok(pooled)
    }
}

/// What the text tower reads.
pub struct ClipTextInputs {
    /// `[B, S]`
    pub ids: Value,
    /// `[B, S]`
    pub positions: Value,
    /// `[B, S]`, 0 where there is padding.
    pub mask: Value,
    /// `[B]`: where each text ends.
    pub ends: Value,
}

fn layers(config: &Config, weights: &Weights<'_>, shape: &LayerShape) -> Result<Vec<TransformerLayer>> {
    (0..config.size("num_hidden_layers", 12)?)
        .map(|index| TransformerLayer::new(&weights.at(&format!("encoder.layers.{index}")), &LayerNames::CLIP, shape))
        .collect()
}

/// x and what every layer makes of it.
fn through(graph: &mut Graph, layers: &[TransformerLayer], x: Value, rule: &AttentionRule) -> Result<Vec<Value>> {
    let mut states = vec![x];
    for layer in layers {
        states.push(layer.forward_pre(graph, states[states.len() - 1], rule)?);
    }
    Ok(states)
}

/// Makes hidden states outputs: `embeddings`, `layer0`, …
pub fn name_states(graph: &mut Graph, states: &[Value], prefix: &str) {
    for (index, state) in states.iter().enumerate() {
        let name = index.checked_sub(1).map_or_else(|| "embeddings".to_owned(), |layer| format!("layer{layer}"));
        graph.output(&format!("{prefix}{name}"), *state);
    }
}
