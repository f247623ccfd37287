//! T5 (Raffel et al. 2020) and T5 v1.1: RMS norms in front, no scale on dot products, a bias by distance.

use super::{
    Model, Task,
    prompt::{Generate, Pass, Prompt, Text, TextRules},
    sequences::{self, TwoStacks},
};
use crate::{
    block::{
        Feed, GatedMlp, LanguageHead, Linear, Memory, Norm, ProjectedAttention, RelativeBias, RmsNorm, Stack,
        StackLayer, Within,
    },
    cache::{Cache, Stateless},
    error::Result,
    graph::{Activation, Element, Graph, Value},
    load::Config,
    protocol::Tensors,
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

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let hidden = config.size("d_model", 512)?;
    let vocabulary = config.size("vocab_size", 32128)?;
    // Words of deviation 1: the tied head divides by the root of the width.
    let words = weights.gain(50.0).embedding("shared.weight", vocabulary, hidden)?;
    let layers = config.size("num_layers", 6)?;
    let encoder = stack(config, &weights.at("encoder"), layers, false)?;
    let decoder = stack(config, &weights.at("decoder"), config.size("num_decoder_layers", layers)?, true)?;
    let tied = config.flag("tie_word_embeddings", true)?;
    let head = LanguageHead::new(weights, &words, tied)?;
    #[expect(clippy::cast_precision_loss, reason = "a width")]
    let scale = tied.then(|| 1.0 / (hidden as f32).sqrt());
    // Distances are what counts, so nothing bounds the length of a text.
    let rules = TextRules { vocabulary, longest: 1 << 20 };
    let start = sequences::start(config, vocabulary, 0)?;
    Ok(Box::new(T5 { rules, start, words, encoder, decoder, head, scale }))
}

fn stack(config: &Config, weights: &Weights<'_>, layers: usize, decodes: bool) -> Result<Stack> {
    let layer = |index| layer(config, &weights.at(&format!("block.{index}.layer")), decodes);
    // The first layer's bias serves them all.
    let bias = weights.at("block.0.layer.0.SelfAttention.relative_attention_bias");
    Ok(Stack {
        bias: Some(RelativeBias::new(config, &bias, config.size("num_heads", 8)?, !decodes)?),
        layers: (0..layers).map(layer).collect::<Result<_>>()?,
        norm: norm(config, &weights.at("final_layer_norm"))?,
    })
}

fn norm(config: &Config, weights: &Weights<'_>) -> Result<Norm> {
    let epsilon = config.float("layer_norm_epsilon", 1e-6)?;
    Ok(Norm::Rms(RmsNorm::new(weights, config.size("d_model", 512)?, epsilon)?))
}

fn layer(config: &Config, weights: &Weights<'_>, decodes: bool) -> Result<StackLayer> {
    let hidden = config.size("d_model", 512)?;
    let heads = config.size("num_heads", 8)?;
    let inner = heads * config.size("d_kv", 64)?;
    // Dot products are not scaled, so queries have to be small.
    #[expect(clippy::cast_precision_loss, reason = "a head's width")]
    let small = 1.0 / ((inner / heads) as f32).sqrt();
    let attention = |part: &Weights<'_>, name: &str| {
        let project =
            |letter: &str, outputs, inputs| Linear::optional(&part.at(name).at(letter), outputs, inputs, false);
        let attention = ProjectedAttention {
            query: Linear::optional(&part.at(name).at("q").gain(small), inner, hidden, false)?,
            key: project("k", inner, hidden)?,
            value: project("v", inner, hidden)?,
            output: project("o", hidden, inner)?,
            heads,
            scale: 1.0,
        };
        Ok((norm(config, &part.at("layer_norm"))?, attention))
    };
    let cross = if decodes { Some(attention(&weights.at("1"), "EncDecAttention")?) } else { None };
    let last = weights.at(if decodes { "2" } else { "1" });
    Ok(StackLayer {
        attention: attention(&weights.at("0"), "SelfAttention")?,
        cross,
        feed: (norm(config, &last.at("layer_norm"))?, feed(config, &last.at("DenseReluDense"), hidden)?),
    })
}

fn feed(config: &Config, weights: &Weights<'_>, hidden: usize) -> Result<Feed> {
    const KEY: &str = "feed_forward_proj";
    let inner = config.size("d_ff", 2048)?;
    let linear = |name: &str, outputs, inputs| Linear::optional(&weights.at(name), outputs, inputs, false);
    let kind = config.word(KEY, "relu")?;
    let Some(gate) = kind.strip_prefix("gated-") else {
        let activation = Activation::parse(KEY, kind)?;
        return Ok(Feed::Plain(linear("wi", inner, hidden)?, linear("wo", hidden, inner)?, activation));
    };
    // The reference implementation takes the tanh form for this name, and for this name only.
    let activation = if gate == "gelu" { Activation::GeluTanh } else { Activation::parse(KEY, gate)? };
    let (gate, up) = (linear("wi_0", inner, hidden)?, linear("wi_1", inner, hidden)?);
    Ok(Feed::Gated(GatedMlp { gate, up, down: linear("wo", hidden, inner)?, activation }))
}

impl TwoStacks for T5 {
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

    fn decoder(&self) -> &Stack {
        &self.decoder
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
        sequences::whole(self, inputs)
    }

    fn generator(&self) -> Option<&dyn Generate> {
        Some(self)
    }
}

impl Generate for T5 {
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt> {
        // A generation begins with the start id, whatever a forward pass would be given.
        let mut inputs = inputs.clone();
        inputs.retain(|name, _| name != sequences::DECODER_IDS && name != sequences::DECODER_MASK);
        let (text, encoder) = sequences::texts(&self.rules, &inputs, self.start)?;
        sequences::prompt(&text, encoder, self.rules.longest)
    }

    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, pass: Pass) -> Result<Graph> {
        sequences::pass(self, inputs, cache, pass)
    }
}
