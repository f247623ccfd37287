//! A transformer layer under whatever names a family gives its parts, with its norms in front or behind.

use super::{LayerNorm, Linear};
use crate::{
    error::Result,
    graph::{Activation, AttentionRule, Graph, Value},
    load::Config,
    weights::Weights,
};

/// What a family calls the parts of a layer.
pub struct LayerNames {
    /// Projection of queries.
    pub query: &'static str,
    /// Projection of keys.
    pub key: &'static str,
    /// Projection of values.
    pub value: &'static str,
    /// Projection behind attention.
    pub output: &'static str,
    /// Norm of the attention part.
    pub attention_norm: &'static str,
    /// First linear layer.
    pub inner: &'static str,
    /// Second linear layer.
    pub outer: &'static str,
    /// Norm of the feed-forward part.
    pub outer_norm: &'static str,
}

impl LayerNames {
    /// Of ViT.
    pub const VIT: Self = Self {
        query: "attention.attention.query",
        key: "attention.attention.key",
        value: "attention.attention.value",
        output: "attention.output.dense",
        attention_norm: "layernorm_before",
        inner: "intermediate.dense",
        outer: "output.dense",
        outer_norm: "layernorm_after",
    };

    /// Of both towers of CLIP, and of X-CLIP.
    pub const CLIP: Self = Self {
        query: "self_attn.q_proj",
        key: "self_attn.k_proj",
        value: "self_attn.v_proj",
        output: "self_attn.out_proj",
        attention_norm: "layer_norm1",
        inner: "mlp.fc1",
        outer: "mlp.fc2",
        outer_norm: "layer_norm2",
    };

    /// Of Wav2Vec2.
    pub const WAV2VEC2: Self = Self {
        query: "attention.q_proj",
        key: "attention.k_proj",
        value: "attention.v_proj",
        output: "attention.out_proj",
        attention_norm: "layer_norm",
        inner: "feed_forward.intermediate_dense",
        outer: "feed_forward.output_dense",
        outer_norm: "final_layer_norm",
    };
}

/// The numbers of a layer.
#[derive(Clone, Copy)]
pub struct LayerShape {
    /// Width of every hidden state.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Its activation.
    pub activation: Activation,
    /// Added to variances.
    pub epsilon: f32,
    /// Whether queries, keys and values have biases.
    pub biased: bool,
}

impl LayerShape {
    /// Reads the usual keys; widths, heads, activation and ε have the family's defaults.
    pub fn new(config: &Config, [hidden, heads, inner]: [usize; 3], act: &str, epsilon: f32) -> Result<Self> {
        let shape = Self {
            hidden: config.size("hidden_size", hidden)?,
            heads: config.size("num_attention_heads", heads)?,
            inner: config.size("intermediate_size", inner)?,
            activation: Activation::parse("hidden_act", config.word("hidden_act", act)?)?,
            epsilon: config.float("layer_norm_eps", epsilon)?,
            biased: true,
        };
        Self::divides("num_attention_heads", shape.heads, "hidden_size", shape.hidden)?;
        Ok(shape)
    }

    /// Refuses a number that does not divide another one.
    pub fn divides(key: &str, divisor: usize, of: &str, number: usize) -> Result<()> {
        if divisor > 0 && number.is_multiple_of(divisor) {
            return Ok(());
        }
        Err(Config::wrong(key, &format!("a divisor of {of} {number}"), divisor))
    }
}

/// Attention and feed-forward, each with a norm and a residual.
pub struct TransformerLayer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    outer_norm: LayerNorm,
    shape: LayerShape,
}

impl TransformerLayer {
    /// Declares a layer under `weights`.
    pub fn new(weights: &Weights<'_>, names: &LayerNames, shape: &LayerShape) -> Result<Self> {
        let hidden = shape.hidden;
        let project = |name| Linear::optional(&weights.at(name), hidden, hidden, shape.biased);
        Ok(Self {
            query: project(names.query)?,
            key: project(names.key)?,
            value: project(names.value)?,
            output: Linear::new(&weights.at(names.output), hidden, hidden)?,
            attention_norm: LayerNorm::new(&weights.at(names.attention_norm), hidden, shape.epsilon)?,
            inner: Linear::new(&weights.at(names.inner), shape.inner, hidden)?,
            outer: Linear::new(&weights.at(names.outer), hidden, shape.inner)?,
            outer_norm: LayerNorm::new(&weights.at(names.outer_norm), hidden, shape.epsilon)?,
            shape: *shape,
        })
    }

    /// x `[B, S, H]` → the same shape, each norm in front of its part.
    pub fn forward_pre(&self, graph: &mut Graph, x: Value, rule: &AttentionRule) -> Result<Value> {
        let normed = self.attention_norm.forward(graph, x)?;
        let attended = self.attend(graph, normed, rule)?;
        let x = graph.add(attended, x)?;
        let normed = self.outer_norm.forward(graph, x)?;
        let outer = self.feed_forward(graph, normed)?;
        graph.add(outer, x)
    }

    /// x `[B, S, H]` → the same shape, each norm behind its residual.
    pub fn forward_post(&self, graph: &mut Graph, x: Value, rule: &AttentionRule) -> Result<Value> {
        let attended = self.attend(graph, x, rule)?;
        let x = self.attention_norm.forward_residual(graph, attended, x)?;
        let outer = self.feed_forward(graph, x)?;
        self.outer_norm.forward_residual(graph, outer, x)
    }

    fn attend(&self, graph: &mut Graph, x: Value, rule: &AttentionRule) -> Result<Value> {
        let query = self.query.forward(graph, x, None)?;
        let key = self.key.forward(graph, x, None)?;
        let value = self.value.forward(graph, x, None)?;
        let context = graph.attention_by([query, key, value], self.shape.heads, rule)?;
        self.output.forward(graph, context, None)
    }

    fn feed_forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let inner = self.inner.forward(graph, x, Some(self.shape.activation))?;
        self.outer.forward(graph, inner, None)
    }
}
