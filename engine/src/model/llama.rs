//! Llama (Touvron et al. 2023) and its siblings Mistral and Qwen2, which differ in biases only.

use super::{
    Model, Task,
    prompt::{Generate, Pass, Prompt, Text, TextRules},
};
use crate::{
    block::{Decoder, DecoderInputs, DecoderShape, LanguageHead},
    cache::{Cache, Stateless},
    error::Result,
    graph::{Graph, Value},
    load::Config,
    protocol::Tensors,
    weights::{Param, Weights},
};

/// A decoder with its words and, if it predicts, its head.
pub struct Llama {
    rules: TextRules,
    words: Param,
    decoder: Decoder,
    head: Option<LanguageHead>,
}

/// Declares the Llama that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    Ok(Box::new(Llama::new(config, weights, weights, &DecoderShape::new(config)?, task)?))
}

/// Declares the Mistral (Jiang et al. 2023) that `config` describes.
pub fn build_mistral(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    refuse_windows(config, "sliding_window")?;
    build(config, weights, task)
}

/// Declares the Qwen2 (Yang et al. 2024) that `config` describes: query, key and value have biases.
pub fn build_qwen2(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    if config.flag("use_sliding_window", false)? {
        refuse_windows(config, "sliding_window")?;
    }
    let shape = DecoderShape { qkv_bias: true, output_bias: false, mlp_bias: false, ..DecoderShape::new(config)? };
    Ok(Box::new(Llama::new(config, weights, weights, &shape, task)?))
}

/// A window that is shorter than the longest text would need another mask.
fn refuse_windows(config: &Config, key: &str) -> Result<()> {
    let longest = config.index("max_position_embeddings", 32768)?;
    let window = config.index(key, longest)?;
    if window < longest {
        let expected = format!("null or at least max_position_embeddings {longest}");
        return Err(Config::unsupported(key, &expected, window));
    }
    Ok(())
}

/// Declares the language model inside another model, of the kind that `config` names; its head lies under `head`.
pub fn inside(config: &Config, weights: &Weights<'_>, head: &Weights<'_>) -> Result<Llama> {
    const KEY: &str = "text_config.model_type";
    let shape = DecoderShape::new(config)?;
    let shape = match config.word("model_type", "llama")? {
        "llama" => shape,
        "mistral" => {
            refuse_windows(config, "sliding_window")?;
            shape
        }
        "qwen2" => DecoderShape { qkv_bias: true, output_bias: false, mlp_bias: false, ..shape },
        other => return Err(Config::unsupported(KEY, "'llama', 'mistral' or 'qwen2'", format!("'{other}'"))),
    };
    Llama::new(config, weights, head, &shape, Task::CausalLm)
}

impl Llama {
    /// Declares the language model under `weights`, and its head under `head`.
    pub fn new(
        config: &Config,
        weights: &Weights<'_>,
        head: &Weights<'_>,
        shape: &DecoderShape,
        task: Task,
    ) -> Result<Self> {
        let base = weights.at_optional("model");
        let words = base.embedding("embed_tokens.weight", shape.vocabulary, shape.hidden)?;
        let decoder = Decoder::new(config, &base, shape)?;
        let tied = config.flag("tie_word_embeddings", false)?;
        let head = match task {
            Task::CausalLm => Some(LanguageHead::new(head, &words, tied)?),
            _ => None,
        };
        // Nothing in the weights bounds the length of a text.
        let rules = TextRules { vocabulary: shape.vocabulary, longest: 1 << 20 };
        Ok(Self { rules, words, decoder, head })
    }

    /// What a text has to be.
    #[must_use]
    pub fn rules(&self) -> &TextRules {
        &self.rules
    }

    /// Embeddings of ids `[B, S]`.
    pub fn embed(&self, graph: &mut Graph, ids: Value) -> Result<Value> {
        graph.gather(ids, &self.words)
    }

    /// Embeddings `[B, S, H]` → hidden states and logits, as outputs.
    pub fn forward(&self, graph: &mut Graph, embeddings: Value, text: &Text, cache: &dyn Cache) -> Result<()> {
        let &Text { positions, mask, past, last, reach, .. } = text;
        let x = self.decoder.forward(graph, embeddings, &DecoderInputs { positions, mask, past, reach, cache })?;
        self.head.as_ref().map_or(Ok(()), |head| head.forward(graph, x, last))
    }

    fn text(&self, inputs: &Tensors, cache: &dyn Cache) -> Result<Graph> {
        let mut graph = Graph::new();
        let text = Text::declare(&mut graph, inputs)?;
        let embeddings = self.embed(&mut graph, text.ids)?;
        self.forward(&mut graph, embeddings, &text, cache)?;
        Ok(graph)
    }
}

impl Model for Llama {
    fn vocabulary(&self) -> usize {
        self.rules.vocabulary
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        self.rules.whole(inputs, &[])
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        self.text(inputs, &Stateless)
    }

    fn generator(&self) -> Option<&dyn Generate> {
        self.head.as_ref().map(|_| self as &dyn Generate)
    }
}

impl Generate for Llama {
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt> {
        self.rules.prompt(inputs, &[], &[])
    }

    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, _: Pass) -> Result<Graph> {
        self.text(inputs, cache)
    }
}
