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

    /// Of Swin, as HTSAT has it.
    pub const SWIN: Self = Self {
        query: "attention.self.query",
        key: "attention.self.key",
        value: "attention.self.value",
        output: "attention.output.dense",
        ..Self::VIT
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

/// Attention with projections around it.
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl Attention {
    /// Declares the projections of queries, keys, values and results, by these names under `weights`.
    pub fn new(weights: &Weights<'_>, names: [&str; 4], hidden: usize, heads: usize, biased: bool) -> Result<Self> {
        let [query, key, value, output] = names;
        let project = |name| Linear::optional(&weights.at(name), hidden, hidden, biased);
        let output = Linear::new(&weights.at(output), hidden, hidden)?;
        Ok(Self { query: project(query)?, key: project(key)?, value: project(value)?, output, heads })
    }

    /// x `[B, S, H]` and what it looks at `[B, T, H]` → `[B, S, H]`
    pub fn forward(&self, graph: &mut Graph, x: Value, memory: Value, rule: &AttentionRule) -> Result<Value> {
        let query = self.query.forward(graph, x, None)?;
        let key = self.key.forward(graph, memory, None)?;
        let value = self.value.forward(graph, memory, None)?;
        let context = graph.attention_by([query, key, value], self.heads, rule)?;
        self.output.forward(graph, context, None)
    }
}

/// Attention and feed-forward, each with a norm and a residual.
pub struct TransformerLayer {
    attention: Attention,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    outer_norm: LayerNorm,
    activation: Activation,
}

impl TransformerLayer {
    /// Declares a layer under `weights`.
    pub fn new(weights: &Weights<'_>, names: &LayerNames, shape: &LayerShape) -> Result<Self> {
        let hidden = shape.hidden;
        let projections = [names.query, names.key, names.value, names.output];
        Ok(Self {
            attention: Attention::new(weights, projections, hidden, shape.heads, shape.biased)?,
            attention_norm: LayerNorm::new(&weights.at(names.attention_norm), hidden, shape.epsilon)?,
            inner: Linear::new(&weights.at(names.inner), shape.inner, hidden)?,
            outer: Linear::new(&weights.at(names.outer), hidden, shape.inner)?,
            outer_norm: LayerNorm::new(&weights.at(names.outer_norm), hidden, shape.epsilon)?,
            activation: shape.activation,
        })
    }

    /// x `[B, S, H]` → the same shape, each norm in front of its part.
    pub fn forward_pre(&self, graph: &mut Graph, x: Value, rule: &AttentionRule) -> Result<Value> {
        let x = self.attend_pre(graph, x, rule)?;
        self.feed_pre(graph, x)
    }

    /// x `[B, S, H]` → the same shape, each norm behind its residual.
    pub fn forward_post(&self, graph: &mut Graph, x: Value, rule: &AttentionRule) -> Result<Value> {
        let attended = self.attention.forward(graph, x, x, rule)?;
        let x = self.attention_norm.forward_residual(graph, attended, x)?;
        let outer = self.feed_forward(graph, x)?;
        self.outer_norm.forward_residual(graph, outer, x)
    }

    /// The attention part by itself, its norm in front.
    pub fn attend_pre(&self, graph: &mut Graph, x: Value, rule: &AttentionRule) -> Result<Value> {
        let normed = self.attention_norm.forward(graph, x)?;
        let attended = self.attention.forward(graph, normed, normed, rule)?;
        graph.add(attended, x)
    }

    /// The norm in front of the attention part.
    pub fn norm(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        self.attention_norm.forward(graph, x)
    }

    /// The attention part without norm and residual.
    pub fn attend(&self, graph: &mut Graph, x: Value, rule: &AttentionRule) -> Result<Value> {
        self.attention.forward(graph, x, x, rule)
    }

    /// The feed-forward part by itself, its norm in front.
    pub fn feed_pre(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let normed = self.outer_norm.forward(graph, x)?;
        let outer = self.feed_forward(graph, normed)?;
        graph.add(outer, x)
    }

    fn feed_forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let inner = self.inner.forward(graph, x, Some(self.activation))?;
        self.outer.forward(graph, inner, None)
    }
}
