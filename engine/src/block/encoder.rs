//! The encoder of BERT and its descendants: embeddings, layers with the norm after the residual, pooler.

use super::{LayerNorm, Linear, SelfAttention, TextEmbedding};
use crate::{
    error::Result,
    graph::{Activation, Graph, Value},
    load::Config,
    weights::{Param, Weights},
};

/// The numbers that make an encoder.
pub struct EncoderShape {
    /// Width of every hidden state.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Its activation.
    pub activation: Activation,
    /// Added to variances.
    pub epsilon: f32,
    /// Rows of the word table.
    pub vocabulary: usize,
    /// Rows of the position table.
    pub positions: usize,
    /// Rows of the token-type table.
    pub token_types: usize,
    /// The id of padding.
    pub padding: usize,
}

impl EncoderShape {
    /// Reads a configuration; `vocabulary` and `padding` are the family's defaults.
    pub fn new(config: &Config, vocabulary: usize, padding: usize) -> Result<Self> {
        let kind = config.word("position_embedding_type", "absolute")?;
        if kind != "absolute" {
            return Err(Config::wrong("position_embedding_type", "'absolute'", format!("'{kind}'")));
        }
        let shape = Self {
            hidden: config.size("hidden_size", 768)?,
            layers: config.size("num_hidden_layers", 12)?,
            heads: config.size("num_attention_heads", 12)?,
            inner: config.size("intermediate_size", 3072)?,
            activation: Activation::parse("hidden_act", config.word("hidden_act", "gelu")?)?,
            epsilon: config.float("layer_norm_eps", 1e-12)?,
            vocabulary: config.size("vocab_size", vocabulary)?,
            positions: config.size("max_position_embeddings", 512)?,
            token_types: config.size("type_vocab_size", 2)?,
            padding: config.index("pad_token_id", padding)?,
        };
        if !shape.hidden.is_multiple_of(shape.heads) {
            let expected = format!("a divisor of hidden_size {}", shape.hidden);
            return Err(Config::wrong("num_attention_heads", &expected, shape.heads));
        }
        Ok(shape)
    }
}

/// What an encoder reads.
pub struct TextInputs {
    /// `[B, S]`
    pub ids: Value,
    /// `[B, S]`
    pub positions: Value,
    /// `[B, S]`
    pub token_types: Value,
    /// `[B, S]`, 0 where there is padding.
    pub mask: Value,
}

/// Embeddings, layers and, where its weights exist, the pooler.
pub struct Encoder {
    embedding: TextEmbedding,
    layers: Vec<Layer>,
    pooler: Option<Linear>,
}

struct Layer {
    attention: SelfAttention,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    outer_norm: LayerNorm,
    activation: Activation,
}

impl Encoder {
    /// Declares everything under `weights`, the root of the bare model.
    pub fn new(weights: &Weights<'_>, shape: &EncoderShape) -> Result<Self> {
        let embedding = TextEmbedding::new(&weights.at("embeddings"), shape)?;
        let layer = |index| Layer::new(&weights.at(&format!("encoder.layer.{index}")), shape);
        let layers = (0..shape.layers).map(layer).collect::<Result<_>>()?;
        let pooler = weights.at("pooler.dense");
        let pooler = if pooler.has("weight") { Some(Linear::new(&pooler, shape.hidden, shape.hidden)?) } else { None };
        Ok(Self { embedding, layers, pooler })
    }

    /// The table of words `[V, H]`.
    #[must_use]
    pub fn words(&self) -> &Param {
        self.embedding.words()
    }

    /// Writes the encoder into the graph and returns the last hidden state `[B, S, H]` and the pooled
    /// first token `[B, H]`. Every hidden state and the sentence embedding become outputs.
    pub fn forward(&self, graph: &mut Graph, inputs: &TextInputs) -> Result<(Value, Option<Value>)> {
        self.forward_named(graph, inputs, "")
    }

    /// The same, with a prefix in front of the outputs' names: for a tower among others.
    pub fn forward_named(
        &self,
        graph: &mut Graph,
        inputs: &TextInputs,
        prefix: &str,
    ) -> Result<(Value, Option<Value>)> {
        let name = |output: &str| format!("{prefix}{output}");
        let mut x = self.embedding.forward(graph, inputs)?;
        graph.output(&name("embeddings"), x);
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(graph, x, inputs.mask)?;
            graph.output(&name(&format!("layer{index}")), x);
        }
        graph.output(&name("last_hidden_state"), x);
        let mean = graph.mean_rows(x, inputs.mask)?;
        let sentence = graph.normalize(mean)?;
        graph.output(&name("sentence_embedding"), sentence);
        let Some(pooler) = &self.pooler else { return Ok((x, None)) };
        let first = graph.first_row(x)?;
        let pooled = pooler.forward(graph, first, Some(Activation::Tanh))?;
        graph.output(&name("pooler_output"), pooled);
        Ok((x, Some(pooled)))
    }
}

impl Layer {
    fn new(weights: &Weights<'_>, shape: &EncoderShape) -> Result<Self> {
        let norm = |name: &str| LayerNorm::new(&weights.at(name), shape.hidden, shape.epsilon);
        Ok(Self {
            attention: SelfAttention::new(&weights.at("attention"), shape.hidden, shape.heads)?,
            attention_norm: norm("attention.output.LayerNorm")?,
            inner: Linear::new(&weights.at("intermediate.dense"), shape.inner, shape.hidden)?,
            outer: Linear::new(&weights.at("output.dense"), shape.hidden, shape.inner)?,
            outer_norm: norm("output.LayerNorm")?,
            activation: shape.activation,
        })
    }

    fn forward(&self, graph: &mut Graph, x: Value, mask: Value) -> Result<Value> {
        let attended = self.attention.forward(graph, x, mask)?;
        let x = self.attention_norm.forward_residual(graph, attended, x)?;
        let inner = self.inner.forward(graph, x, Some(self.activation))?;
        let outer = self.outer.forward(graph, inner, None)?;
        self.outer_norm.forward_residual(graph, outer, x)
    }
}
