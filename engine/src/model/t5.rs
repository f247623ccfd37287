//! T5 (Raffel et al. 2020) and T5 v1.1: RMS norms in front, no scale on dot products, a bias by distance.

use super::{
    Model, Task,
    prompt::{Generate, Pass, Prompt, Text, TextRules},
    sequences,
};
use crate::{
    block::{GatedMlp, LanguageHead, Linear, Memory, ProjectedAttention, RelativeBias, RmsNorm, Within},
    cache::{Cache, Stateless},
    error::Result,
    graph::{Activation, Element, Graph, Value},
    load::Config,
    protocol::{Tensor, Tensors},
    weights::{Param, Weights},
};

struct T5 {
    rules: TextRules,
    start: i32,
    words: Param,
    encoder: Stack,
    decoder: Stack,
    head: LanguageHead,
    /// Factor of the last hidden state, where the head is tied.
    scale: Option<f32>,
}

struct Stack {
    bias: RelativeBias,
    layers: Vec<Layer>,
    norm: RmsNorm,
}

struct Layer {
    attention: (RmsNorm, ProjectedAttention),
    /// Of a decoder.
    cross: Option<(RmsNorm, ProjectedAttention)>,
    mlp: (RmsNorm, Mlp),
}

enum Mlp {
    Plain(Linear, Linear, Activation),
    Gated(GatedMlp),
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let hidden = config.size("d_model", 512)?;
    let vocabulary = config.size("vocab_size", 32128)?;
    let words = weights.embedding("shared.weight", vocabulary, hidden)?;
    let layers = config.size("num_layers", 6)?;
    let encoder = Stack::new(config, &weights.at("encoder"), layers, false)?;
    let decoder = Stack::new(config, &weights.at("decoder"), config.size("num_decoder_layers", layers)?, true)?;
    let tied = config.flag("tie_word_embeddings", true)?;
    let head = LanguageHead::new(weights, &words, tied)?;
    #[expect(clippy::cast_precision_loss, reason = "a width")]
    let scale = tied.then(|| 1.0 / (hidden as f32).sqrt());
    // Distances are what counts, so nothing bounds the length of a text.
    let rules = TextRules { vocabulary, longest: 1 << 20 };
    let start = sequences::start(config, vocabulary, 0)?;
    Ok(Box::new(T5 { rules, start, words, encoder, decoder, head, scale }))
}

impl Stack {
    fn new(config: &Config, weights: &Weights<'_>, layers: usize, decodes: bool) -> Result<Self> {
        let layer = |index| Layer::new(config, &weights.at(&format!("block.{index}.layer")), decodes);
        let bias = weights.at("block.0.layer.0.SelfAttention.relative_attention_bias");
        Ok(Self {
            bias: RelativeBias::new(config, &bias, config.size("num_heads", 8)?, !decodes)?,
            layers: (0..layers).map(layer).collect::<Result<_>>()?,
            norm: norm(config, &weights.at("final_layer_norm"))?,
        })
    }
}

fn norm(config: &Config, weights: &Weights<'_>) -> Result<RmsNorm> {
    RmsNorm::new(weights, config.size("d_model", 512)?, config.float("layer_norm_epsilon", 1e-6)?)
}

impl Layer {
    fn new(config: &Config, weights: &Weights<'_>, decodes: bool) -> Result<Self> {
        let hidden = config.size("d_model", 512)?;
        let heads = config.size("num_heads", 8)?;
        let inner = heads * config.size("d_kv", 64)?;
        let attention = |part: &Weights<'_>, name: &str| {
            let project = |name: &str, outputs, inputs| Linear::optional(&part.at(name), outputs, inputs, false);
            let (to, from) = ((inner, hidden), (hidden, inner));
            let named = |letter: &str, (outputs, inputs)| project(&format!("{name}.{letter}"), outputs, inputs);
            let attention = ProjectedAttention {
                query: named("q", to)?,
                key: named("k", to)?,
                value: named("v", to)?,
                output: named("o", from)?,
                heads,
                scale: 1.0,
            };
            Ok((norm(config, &part.at("layer_norm"))?, attention))
        };
        let cross = if decodes { Some(attention(&weights.at("1"), "EncDecAttention")?) } else { None };
        let last = weights.at(if decodes { "2" } else { "1" });
        Ok(Self {
            attention: attention(&weights.at("0"), "SelfAttention")?,
            cross,
            mlp: (norm(config, &last.at("layer_norm"))?, Mlp::new(config, &last.at("DenseReluDense"), hidden)?),
        })
    }
}

impl Mlp {
    fn new(config: &Config, weights: &Weights<'_>, hidden: usize) -> Result<Self> {
        const KEY: &str = "feed_forward_proj";
        let inner = config.size("d_ff", 2048)?;
        let linear = |name: &str, outputs, inputs| Linear::optional(&weights.at(name), outputs, inputs, false);
        let kind = config.word(KEY, "relu")?;
        let Some(gate) = kind.strip_prefix("gated-") else {
            let activation = Activation::parse(KEY, kind)?;
            return Ok(Self::Plain(linear("wi", inner, hidden)?, linear("wo", hidden, inner)?, activation));
        };
        // The reference implementation takes the tanh form for this name, and for this name only.
        let activation = if gate == "gelu" { Activation::GeluTanh } else { Activation::parse(KEY, gate)? };
        let (gate, up) = (linear("wi_0", inner, hidden)?, linear("wi_1", inner, hidden)?);
        Ok(Self::Gated(GatedMlp { gate, up, down: linear("wo", hidden, inner)?, activation }))
    }

    fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        match self {
            Self::Plain(inner, outer, activation) => {
                let x = inner.forward(graph, x, Some(*activation))?;
                outer.forward(graph, x, None)
            }
            Self::Gated(mlp) => mlp.forward(graph, x),
        }
    }
}

impl Stack {
    fn forward(
        &self,
        graph: &mut Graph,
        mut x: Value,
        within: &Within<'_>,
        memory: Option<&Memory<'_>>,
    ) -> Result<Value> {
        let within = Within { bias: Some(self.bias.of(graph)), ..*within };
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = layer.attention.0.forward(graph, x)?;
            let attended = layer.attention.1.within(graph, normed, index, &within)?;
            x = graph.add(x, attended)?;
            if let (Some((norm, attention)), Some(memory)) = (&layer.cross, memory) {
                let normed = norm.forward(graph, x)?;
                let attended = attention.across(graph, normed, index, memory)?;
                x = graph.add(x, attended)?;
            }
            let normed = layer.mlp.0.forward(graph, x)?;
            let fed = layer.mlp.1.forward(graph, normed)?;
            x = graph.add(x, fed)?;
            let prefix = if memory.is_some() { "decoder_" } else { "" };
            graph.output(&format!("{prefix}layer{index}"), x);
        }
        self.norm.forward(graph, x)
    }
}

impl T5 {
    /// The encoder over `encoder.ids` and `encoder.mask` → its hidden states, and the mask.
    fn encode(&self, graph: &mut Graph, inputs: &Tensors) -> Result<(Value, Value)> {
        let ids = sequences::input(graph, inputs, sequences::IDS, Element::I32)?;
        let mask = sequences::input(graph, inputs, sequences::MASK, Element::I32)?;
        let x = graph.gather(ids, &self.words)?;
        graph.output("embeddings", x);
        let within = Within { mask, past: None, bias: None, cache: &Stateless };
        let x = self.encoder.forward(graph, x, &within, None)?;
        graph.output("encoder_last_hidden_state", x);
        Ok((x, mask))
    }

    fn decode(&self, graph: &mut Graph, inputs: &Tensors, memory: &Memory<'_>) -> Result<()> {
        let text = Text::declare(graph, inputs)?;
        let x = graph.gather(text.ids, &self.words)?;
        let within = Within { mask: text.mask, past: Some(text.past), bias: None, cache: memory.cache };
        let mut x = self.decoder.forward(graph, x, &within, Some(memory))?;
        graph.output("decoder_last_hidden_state", x);
        if let Some(scale) = self.scale {
            x = graph.scale(x, scale)?;
        }
        self.head.forward(graph, x, text.last)
    }
}

impl Model for T5 {
    fn vocabulary(&self) -> usize {
        self.rules.vocabulary
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        let (mut all, encoder) = sequences::texts(&self.rules, inputs, self.start)?;
        all.extend(encoder);
        Ok(all)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let (hidden, mask) = self.encode(&mut graph, inputs)?;
        self.decode(&mut graph, inputs, &Memory { hidden: Some(hidden), mask, cache: &Stateless })?;
        Ok(graph)
    }

    fn generator(&self) -> Option<&dyn Generate> {
        Some(self)
    }
}

impl Generate for T5 {
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt> {
        // A generation begins with the start id, whatever a forward pass would be given.
        let inputs = inputs.iter().filter(|(name, _)| *name != sequences::DECODER_IDS);
        let inputs: Tensors = inputs.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let (_, encoder) = sequences::texts(&self.rules, &inputs, self.start)?;
        let every = encoder.iter().filter(|(name, _)| *name == sequences::MASK);
        let every = every.map(|(name, mask)| (name.clone(), mask.clone())).collect();
        let batch = encoder.get(sequences::IDS).map_or(1, |ids: &Tensor| ids.shape[0]);
        let longest = self.rules.longest;
        Ok(sequences::prompt(sequences::starts(batch, self.start), encoder, every, longest))
    }

    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, pass: Pass) -> Result<Graph> {
        let mut graph = Graph::new();
        if pass == Pass::Encode {
            let (hidden, _) = self.encode(&mut graph, inputs)?;
            for (index, layer) in self.decoder.layers.iter().enumerate() {
                if let Some((_, attention)) = &layer.cross {
                    attention.keep(&mut graph, hidden, index, cache)?;
                }
            }
            return Ok(graph);
        }
        let mask = sequences::input(&mut graph, inputs, sequences::MASK, Element::I32)?;
        self.decode(&mut graph, inputs, &Memory { hidden: None, mask, cache })?;
        Ok(graph)
    }
}
