//! Parts of X-CLIP (Ni et al. 2022): an image tower whose frames talk to each other, and prompts from a video.

use super::{Attention, LayerNames, LayerNorm, LayerShape, Linear, PatchShape, Patches, TransformerLayer, name_states};
use crate::{
    error::Result,
    graph::{Activation, AttentionRule, Graph, Value},
    load::Config,
    weights::{Param, Weights},
};

const PROJECTIONS: [&str; 4] = ["q_proj", "k_proj", "v_proj", "out_proj"];

/// The image tower: every frame by itself, with one message per frame in every layer.
pub struct FrameTower {
    /// Sizes of what it reads.
    pub patches_shape: PatchShape,
    frames: usize,
    patches: Patches,
    first_norm: LayerNorm,
    layers: Vec<FrameLayer>,
    last_norm: LayerNorm,
}

struct FrameLayer {
    message: Linear,
    message_norm: LayerNorm,
    message_attention: Attention,
    layer: TransformerLayer,
}

impl FrameTower {
    /// Declares the tower that `config`, a `vision_config`, describes under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>, frames: usize) -> Result<Self> {
        let shape = LayerShape::new(config, [768, 12, 3072], "quick_gelu", 1e-5)?;
        let patches_shape = PatchShape::new(config, 32, shape.hidden)?;
        let norm = |name: &str| LayerNorm::new(&weights.at(name), shape.hidden, shape.epsilon);
        let layer = |index| FrameLayer::new(&weights.at(&format!("encoder.layers.{index}")), &shape);
        Ok(Self {
            patches_shape,
            frames,
            patches: Patches::clip(&weights.at("embeddings"), patches_shape)?,
            first_norm: norm("pre_layernorm")?,
            layers: (0..config.size("num_hidden_layers", 12)?).map(layer).collect::<Result<_>>()?,
            last_norm: norm("post_layernorm")?,
        })
    }

    /// pixels `[B · frames, C, height, width]` → last hidden state `[B · frames, tokens, H]` and the normed class
    /// tokens `[B · frames, H]`
    pub fn forward(&self, graph: &mut Graph, pixels: Value) -> Result<[Value; 2]> {
        let x = self.patches.forward(graph, pixels)?;
        let mut x = self.first_norm.forward(graph, x)?;
        let mut states = vec![x];
        for layer in &self.layers {
            x = layer.forward(graph, x, self.frames)?;
            states.push(x);
        }
        name_states(graph, &states, "vision_");
        let class = graph.first_row(x)?;
        Ok([x, self.last_norm.forward(graph, class)?])
    }
}

impl FrameLayer {
    fn new(weights: &Weights<'_>, shape: &LayerShape) -> Result<Self> {
        let attention = weights.at("message_attn");
        Ok(Self {
            message: Linear::new(&weights.at("message_fc"), shape.hidden, shape.hidden)?,
            message_norm: LayerNorm::new(&weights.at("message_ln"), shape.hidden, shape.epsilon)?,
            message_attention: Attention::new(&attention, PROJECTIONS, shape.hidden, shape.heads, true)?,
            layer: TransformerLayer::new(weights, &LayerNames::CLIP, shape)?,
        })
    }

    fn forward(&self, graph: &mut Graph, x: Value, frames: usize) -> Result<Value> {
        let rule = AttentionRule::default();
        let &[images, tokens, hidden] = graph.shape(x) else { return Ok(x) };
        let class = graph.first_row(x)?;
        let message = self.message.forward(graph, class, None)?;
        let message = graph.reshape(message, &[images / frames, frames, hidden])?;
        let normed = self.message_norm.forward(graph, message)?;
        let heard = self.message_attention.forward(graph, normed, normed, &rule)?;
        let message = graph.add(heard, message)?;
        let message = graph.reshape(message, &[images, 1, hidden])?;
        let x = graph.concat(x, message, 1)?;
        let x = self.layer.attend_pre(graph, x, &rule)?;
        // The message has been heard.
        let x = graph.slice(x, 1, 0, tokens)?;
        self.layer.feed_pre(graph, x)
    }
}

/// The transformer over frames.
pub struct FrameMixer {
    positions: Param,
    layers: Vec<TransformerLayer>,
}

impl FrameMixer {
    /// Declares what the `mit_…` keys of a `vision_config` describe under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>, frames: usize, hidden: usize) -> Result<Self> {
        let shape = LayerShape {
            hidden: config.size("mit_hidden_size", 512)?,
            heads: config.size("mit_num_attention_heads", 8)?,
            inner: config.size("mit_intermediate_size", 2048)?,
            ..LayerShape::new(config, [768, 12, 3072], "quick_gelu", 1e-5)?
        };
        if shape.hidden != hidden {
            return Err(Config::wrong("mit_hidden_size", &format!("projection_dim, {hidden}"), shape.hidden));
        }
        LayerShape::divides("mit_num_attention_heads", shape.heads, "mit_hidden_size", shape.hidden)?;
        let layer =
            |index| TransformerLayer::new(&weights.at(&format!("encoder.layers.{index}")), &LayerNames::CLIP, &shape);
        Ok(Self {
            positions: weights.table("position_embedding", &[1, frames, hidden])?.reshaped(&[frames, hidden]),
            layers: (0..config.size("mit_num_hidden_layers", 1)?).map(layer).collect::<Result<_>>()?,
        })
    }

    /// x `[B, frames, D]` → the same shape
    pub fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let mut y = graph.shift(x, &self.positions)?;
        for layer in &self.layers {
            y = layer.forward_pre(graph, y, &AttentionRule::default())?;
        }
        graph.add(y, x)
    }
}

/// Adds to texts what a video suggests.
pub struct Prompts {
    norm: LayerNorm,
    layers: Vec<PromptLayer>,
    alpha: Param,
}

struct PromptLayer {
    attention: Attention,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    outer_norm: LayerNorm,
    activation: Activation,
}

impl Prompts {
    /// Declares what the `prompt_…` keys describe under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>, hidden: usize, [text, vision]: [f32; 2]) -> Result<Self> {
        let heads = config.size("prompt_num_attention_heads", 8)?;
        LayerShape::divides("prompt_num_attention_heads", heads, "projection_dim", hidden)?;
        let activation = Activation::parse("prompt_hidden_act", config.word("prompt_hidden_act", "quick_gelu")?)?;
        let layer = |index| {
            let weights = weights.at(&format!("decoder.{index}"));
            let names = ["q_proj", "k_proj", "v_proj", "proj"];
            Ok(PromptLayer {
                attention: Attention::new(&weights.at("cross_attn"), names, hidden, heads, false)?,
                attention_norm: LayerNorm::new(&weights.at("norm1"), hidden, text)?,
                inner: Linear::new(&weights.at("mlp.0"), 4 * hidden, hidden)?,
                outer: Linear::new(&weights.at("mlp.3"), hidden, 4 * hidden)?,
                outer_norm: LayerNorm::new(&weights.at("norm3"), hidden, text)?,
                activation,
            })
        };
        Ok(Self {
            norm: LayerNorm::new(&weights.at("layernorm"), hidden, vision)?,
            layers: (0..config.size("prompt_layers", 2)?).map(layer).collect::<Result<_>>()?,
            alpha: weights.scale("alpha", hidden)?,
        })
    }

    /// texts `[B, K, D]`, patches `[B, P, D]` → texts `[B, K, D]`
    pub fn forward(&self, graph: &mut Graph, texts: Value, patches: Value) -> Result<Value> {
        let patches = self.norm.forward(graph, patches)?;
        let mut x = texts;
        for layer in &self.layers {
            let normed = layer.attention_norm.forward(graph, x)?;
            let attended = layer.attention.forward(graph, normed, patches, &AttentionRule::default())?;
            x = graph.add(attended, x)?;
            let normed = layer.outer_norm.forward(graph, x)?;
            let inner = layer.inner.forward(graph, normed, Some(layer.activation))?;
            let outer = layer.outer.forward(graph, inner, None)?;
            x = graph.add(outer, x)?;
        }
        graph.scale_add(x, &self.alpha, texts)
    }
}
