//! GPT-2 (Radford et al. 2019): layer norms in front, learned positions, query, key and value in one matrix.

use super::{
    Model, Task,
    prompt::{Generate, Pass, Prompt, Text, TextRules},
};
use crate::{
    block::{LanguageHead, LayerNorm, Linear},
    cache::{Cache, Stateless},
    error::Result,
    graph::{Activation, Attend, Graph, Value},
    load::Config,
    protocol::{InputInfo, InputKind, Tensors},
    weights::{Param, Weights},
};

struct Gpt2 {
    rules: TextRules,
    words: Param,
    positions: Param,
    layers: Vec<Layer>,
    norm: LayerNorm,
    head: Option<LanguageHead>,
}

struct Layer {
    attention_norm: LayerNorm,
    qkv: Linear,
    output: Linear,
    mlp_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    activation: Activation,
    hidden: usize,
    heads: usize,
    scale: f32,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    let hidden = config.size("n_embd", 768)?;
    let vocabulary = config.size("vocab_size", 50257)?;
    let longest = config.size("n_positions", 1024)?;
    let base = weights.at_optional("transformer");
    let words = base.embedding("wte.weight", vocabulary, hidden)?;
    let positions = base.embedding("wpe.weight", longest, hidden)?;
    let layer = |index| Layer::new(config, &base.at(&format!("h.{index}")), hidden, index);
    let layers = (0..config.size("n_layer", 12)?).map(layer).collect::<Result<_>>()?;
    let norm = LayerNorm::new(&base.at("ln_f"), hidden, config.float("layer_norm_epsilon", 1e-5)?)?;
    let tied = config.flag("tie_word_embeddings", true)?;
    let head = match task {
        Task::CausalLm => Some(LanguageHead::new(weights, &words, tied)?),
        _ => None,
    };
    let rules = TextRules { vocabulary, longest };
    Ok(Box::new(Gpt2 { rules, words, positions, layers, norm, head }))
}

impl Layer {
    fn new(config: &Config, weights: &Weights<'_>, hidden: usize, index: usize) -> Result<Self> {
        let heads = config.size("n_head", 12)?;
        if !hidden.is_multiple_of(heads) {
            return Err(Config::wrong("n_head", &format!("a divisor of n_embd {hidden}"), heads));
        }
        let inner = match config.index("n_inner", 0)? {
            0 => 4 * hidden,
            inner => inner,
        };
        let norm = |name: &str| LayerNorm::new(&weights.at(name), hidden, config.float("layer_norm_epsilon", 1e-5)?);
        let linear = |name: &str, outputs, inputs| Linear::transposed(&weights.at(name), outputs, inputs);
        #[expect(clippy::cast_precision_loss, reason = "a head's width, a layer's number")]
        let (width, number) = ((hidden / heads) as f32, (index + 1) as f32);
        let mut scale = if config.flag("scale_attn_weights", true)? { 1.0 / width.sqrt() } else { 1.0 };
        if config.flag("scale_attn_by_inverse_layer_idx", false)? {
            scale /= number;
        }
        Ok(Self {
            attention_norm: norm("ln_1")?,
            qkv: linear("attn.c_attn", 3 * hidden, hidden)?,
            output: linear("attn.c_proj", hidden, hidden)?,
            mlp_norm: norm("ln_2")?,
            inner: linear("mlp.c_fc", inner, hidden)?,
            outer: linear("mlp.c_proj", hidden, inner)?,
            activation: Activation::parse("activation_function", config.word("activation_function", "gelu_new")?)?,
            hidden,
            heads,
            scale,
        })
    }

    fn forward(&self, graph: &mut Graph, x: Value, layer: usize, text: &Text, cache: &dyn Cache) -> Result<Value> {
        let normed = self.attention_norm.forward(graph, x)?;
        let qkv = self.qkv.forward(graph, normed, None)?;
        let mut part = |index| graph.columns(qkv, index * self.hidden, self.hidden);
        let qkv = [part(0)?, part(1)?, part(2)?];
        let (heads, mask, past) = (self.heads, text.mask, text.past);
        let how = Attend { heads, kv_heads: heads, scale: self.scale, causal: true, mask, past, bias: None };
        let context = cache.attend(graph, layer, qkv, &how)?;
        let attended = self.output.forward(graph, context, None)?;
        let x = graph.add(x, attended)?;
        let normed = self.mlp_norm.forward(graph, x)?;
        let inner = self.inner.forward(graph, normed, Some(self.activation))?;
        let outer = self.outer.forward(graph, inner, None)?;
        graph.add(x, outer)
    }
}

impl Gpt2 {
    fn text(&self, inputs: &Tensors, cache: &dyn Cache) -> Result<Graph> {
        let mut graph = Graph::new();
        let text = Text::declare(&mut graph, inputs)?;
        let words = graph.gather(text.ids, &self.words)?;
        let positions = graph.gather(text.positions, &self.positions)?;
        let mut x = graph.add(words, positions)?;
        graph.output("embeddings", x);
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&mut graph, x, index, &text, cache)?;
            graph.output(&format!("layer{index}"), x);
        }
        let x = self.norm.forward(&mut graph, x)?;
        graph.output("last_hidden_state", x);
        if let Some(head) = &self.head {
            head.forward(&mut graph, x, text.last)?;
        }
        Ok(graph)
    }
}

impl Model for Gpt2 {
    fn vocabulary(&self) -> usize {
        self.rules.vocabulary
    }

    fn inputs(&self) -> Vec<InputInfo> {
        let length = self.rules.longest.min(128);
        vec![InputInfo::new("input_ids", &[1, length], InputKind::Ids, self.rules.vocabulary)]
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

impl Generate for Gpt2 {
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt> {
        self.rules.prompt(inputs, &[], &[])
    }

    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, _: Pass) -> Result<Graph> {
        self.text(inputs, cache)
    }
}
