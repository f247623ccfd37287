//! The decoder of Llama and its descendants (Touvron et al. 2023): RMS norms in front, rotary positions, keys
//! and values shared by groups of heads, a gated feed-forward part.

use super::{GatedMlp, Linear, RmsNorm, Rotary};
use crate::{
    cache::Cache,
    error::Result,
    graph::{Activation, Attend, Graph, Value},
    load::Config,
    weights::{Param, Weights},
};

/// The numbers that make a decoder.
pub struct DecoderShape {
    /// Width of every hidden state.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Width of a head.
    pub head: usize,
    /// Width inside the feed-forward part.
    pub inner: usize,
    /// Its activation.
    pub activation: Activation,
    /// Added to mean squares.
    pub epsilon: f32,
    /// Number of token ids.
    pub vocabulary: usize,
    /// Whether query, key and value have a bias.
    pub qkv_bias: bool,
    /// Whether the attention's output has a bias.
    pub output_bias: bool,
    /// Whether the feed-forward part has biases.
    pub mlp_bias: bool,
}

impl DecoderShape {
    /// Reads a configuration. The biases are Llama's.
    pub fn new(config: &Config) -> Result<Self> {
        let hidden = config.size("hidden_size", 4096)?;
        let heads = config.size("num_attention_heads", 32)?;
        if config.index("head_dim", 0)? == 0 && !hidden.is_multiple_of(heads) {
            let expected = format!("a divisor of hidden_size {hidden}");
            return Err(Config::wrong("num_attention_heads", &expected, heads));
        }
        let kv_heads = config.size("num_key_value_heads", heads)?;
        if !heads.is_multiple_of(kv_heads) {
            let expected = format!("a divisor of num_attention_heads {heads}");
            return Err(Config::wrong("num_key_value_heads", &expected, kv_heads));
        }
        let bias = config.flag("attention_bias", false)?;
        Ok(Self {
            hidden,
            layers: config.size("num_hidden_layers", 32)?,
            heads,
            kv_heads,
            head: config.size("head_dim", hidden / heads)?,
            inner: config.size("intermediate_size", 11008)?,
            activation: Activation::parse("hidden_act", config.word("hidden_act", "silu")?)?,
            epsilon: config.float("rms_norm_eps", 1e-6)?,
            vocabulary: config.size("vocab_size", 32000)?,
            qkv_bias: bias,
            output_bias: bias,
            mlp_bias: config.flag("mlp_bias", false)?,
        })
    }
}

/// What the layers of a decoder read besides hidden states.
pub struct DecoderInputs<'a> {
    /// `[B, S]`
    pub positions: Value,
    /// `[B, keys]`, 0 where there is padding.
    pub mask: Value,
    /// `[1]`: keys in front of the first query's own.
    pub past: Value,
    /// One more than the largest position, and how many of them are computed in the first pass.
    pub reach: [usize; 2],
    /// Where keys and values are kept.
    pub cache: &'a dyn Cache,
}

/// Layers and the last norm.
pub struct Decoder {
    rotary: Rotary,
    layers: Vec<Layer>,
    norm: RmsNorm,
}

struct Layer {
    attention_norm: RmsNorm,
    attention: GroupedAttention,
    mlp_norm: RmsNorm,
    mlp: GatedMlp,
}

/// Four projections around attention in groups.
struct GroupedAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
    kv_heads: usize,
    scale: f32,
}

impl Decoder {
    /// Declares `layers` and `norm` under `weights`.
    pub fn new(config: &Config, weights: &Weights<'_>, shape: &DecoderShape) -> Result<Self> {
        let layer = |index| Layer::new(&weights.at(&format!("layers.{index}")), shape);
        Ok(Self {
            rotary: Rotary::new(config, shape.head)?,
            layers: (0..shape.layers).map(layer).collect::<Result<_>>()?,
            norm: RmsNorm::new(&weights.at("norm"), shape.hidden, shape.epsilon)?,
        })
    }

    /// Embeddings `[B, S, H]` → the last hidden state. Every hidden state becomes an output.
    pub fn forward(&self, graph: &mut Graph, embeddings: Value, inputs: &DecoderInputs<'_>) -> Result<Value> {
        let mut x = embeddings;
        graph.output("embeddings", x);
        let table = self.rotary.table(graph, inputs.reach[0], inputs.reach[1]);
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(graph, x, index, table, inputs)?;
            graph.output(&format!("layer{index}"), x);
        }
        let x = self.norm.forward(graph, x)?;
        graph.output("last_hidden_state", x);
        Ok(x)
    }
}

impl Layer {
    fn new(weights: &Weights<'_>, shape: &DecoderShape) -> Result<Self> {
        let norm = |name: &str| RmsNorm::new(&weights.at(name), shape.hidden, shape.epsilon);
        let mlp = GatedMlp::new(&weights.at("mlp"), shape)?;
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            attention: GroupedAttention::new(&weights.at("self_attn"), shape)?,
            mlp_norm: norm("post_attention_layernorm")?,
            mlp,
        })
    }

    fn forward(
        &self,
        graph: &mut Graph,
        x: Value,
        index: usize,
        table: [Value; 2],
        inputs: &DecoderInputs<'_>,
    ) -> Result<Value> {
        let normed = self.attention_norm.forward(graph, x)?;
        let attended = self.attention.forward(graph, normed, index, table, inputs)?;
        let x = graph.add(x, attended)?;
        let normed = self.mlp_norm.forward(graph, x)?;
        let fed = self.mlp.forward(graph, normed)?;
        graph.add(x, fed)
    }
}

impl GroupedAttention {
    fn new(weights: &Weights<'_>, shape: &DecoderShape) -> Result<Self> {
        let [queries, keys] = [shape.heads, shape.kv_heads].map(|heads| heads * shape.head);
        let project = |name: &str, outputs| Linear::optional(&weights.at(name), outputs, shape.hidden, shape.qkv_bias);
        #[expect(clippy::cast_precision_loss, reason = "a head's width")]
        let scale = 1.0 / (shape.head as f32).sqrt();
        Ok(Self {
            query: project("q_proj", queries)?,
            key: project("k_proj", keys)?,
            value: project("v_proj", keys)?,
            output: Linear::optional(&weights.at("o_proj"), shape.hidden, queries, shape.output_bias)?,
            heads: shape.heads,
            kv_heads: shape.kv_heads,
            scale,
        })
    }

    fn forward(
        &self,
        graph: &mut Graph,
        x: Value,
        layer: usize,
        table: [Value; 2],
        inputs: &DecoderInputs<'_>,
    ) -> Result<Value> {
        // What belongs together stays together: three products of x, then what is done with them.
        let query = self.query.forward(graph, x, None)?;
        let key = self.key.forward(graph, x, None)?;
        let value = self.value.forward(graph, x, None)?;
        let query = graph.rotary(query, inputs.positions, table, self.heads)?;
        let key = graph.rotary(key, inputs.positions, table, self.kv_heads)?;
        let (mask, past) = (inputs.mask, inputs.past);
        let (heads, kv_heads, scale) = (self.heads, self.kv_heads, self.scale);
        let how = Attend { heads, kv_heads, scale, causal: true, mask, past, bias: None };
        let context = inputs.cache.attend(graph, layer, [query, key, value], &how)?;
        self.output.forward(graph, context, None)
    }
}

/// Predicts the next id from a hidden state, by a matrix of its own or by that of the embeddings.
pub struct LanguageHead(Param);

impl LanguageHead {
    /// Declares `lm_head.weight` under `weights`, unless it is tied to `words`.
    pub fn new(weights: &Weights<'_>, words: &Param, tied: bool) -> Result<Self> {
        Self::named(weights, "lm_head.weight", words, tied)
    }

    /// The same with a name of the family's own.
    pub fn named(weights: &Weights<'_>, name: &str, words: &Param, tied: bool) -> Result<Self> {
        let &[vocabulary, hidden] = words.shape.as_slice() else {
            return Err(crate::error::Error::internal("a table of words has two axes"));
        };
        Ok(Self(if tied { words.clone() } else { weights.linear(name, vocabulary, hidden)? }))
    }

    /// x `[B, S, H]` → `logits` `[B, S, V]`, and with the rows `[B]` of the last ids `next.logits` `[B, V]`.
    pub fn forward(&self, graph: &mut Graph, x: Value, last: Option<Value>) -> Result<()> {
        let logits = graph.project(x, &self.0, None)?;
        graph.output("logits", logits);
        if let Some(last) = last {
            let x = graph.take_row(x, last)?;
            let logits = graph.project(x, &self.0, None)?;
            graph.output("next.logits", logits);
        }
        Ok(())
    }
}
