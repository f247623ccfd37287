//! Whisper (Radford et al. 2022): two convolutions over a log-mel spectrogram, an encoder, a decoder of text.

use super::{
    Model, Task,
    prompt::{Generate, Pass, Prompt, Text, TextRules},
    sequences::{self, TwoStacks},
};
use crate::{
    block::{Feed, LanguageHead, LayerNorm, Linear, Memory, Norm, ProjectedAttention, Stack, StackLayer, Within},
    cache::{Cache, Stateless},
    error::{Error, Result},
    graph::{Activation, Element, Graph, Value},
    load::Config,
    protocol::{InputInfo, InputKind, Tensor, Tensors},
    weights::{Param, Weights},
};

/// The name users give the spectrogram `[B, mel, frames]`.
const FEATURES: &str = "input_features";
/// Frames a convolution looks at.
const WINDOW: usize = 3;

struct Whisper {
    rules: TextRules,
    start: i32,
    mel: usize,
    convolutions: [Linear; 2],
    encoder: (Param, Stack),
    words: Param,
    /// Positions and layers.
    decoder: (Param, Stack),
    head: LanguageHead,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let hidden = config.size("d_model", 384)?;
    let vocabulary = config.size("vocab_size", 51865)?;
    let mel = config.size("num_mel_bins", 80)?;
    let base = weights.at("model");
    let convolution = |name: &str, inputs| Linear::window(&base.at("encoder").at(name), hidden, inputs, WINDOW);
    let convolutions = [convolution("conv1", mel)?, convolution("conv2", hidden)?];
    let encoder = stack(config, &base.at("encoder"), hidden, false)?;
    let words = base.embedding("decoder.embed_tokens.weight", vocabulary, hidden)?;
    let decoder = stack(config, &base.at("decoder"), hidden, true)?;
    let tied = config.flag("tie_word_embeddings", true)?;
    let head = LanguageHead::named(weights, "proj_out.weight", &words, tied)?;
    let rules = TextRules { vocabulary, longest: config.size("max_target_positions", 448)? };
    let start = sequences::start(config, vocabulary, 50257)?;
    Ok(Box::new(Whisper { rules, start, mel, convolutions, encoder, words, decoder, head }))
}

/// Positions and layers of one side.
fn stack(config: &Config, weights: &Weights<'_>, hidden: usize, decodes: bool) -> Result<(Param, Stack)> {
    let (side, positions, longest) =
        if decodes { ("decoder", "max_target_positions", 448) } else { ("encoder", "max_source_positions", 1500) };
    let layer = |index| layer(config, &weights.at(&format!("layers.{index}")), hidden, side);
    let positions = weights.embedding("embed_positions.weight", config.size(positions, longest)?, hidden)?;
    let stack = Stack {
        layers: (0..config.size(&format!("{side}_layers"), 4)?).map(layer).collect::<Result<_>>()?,
        norm: Norm::Layer(LayerNorm::new(&weights.at("layer_norm"), hidden, 1e-5)?),
        bias: None,
    };
    Ok((positions, stack))
}

fn layer(config: &Config, weights: &Weights<'_>, hidden: usize, side: &str) -> Result<StackLayer> {
    let key = format!("{side}_attention_heads");
    let heads = config.size(&key, 6)?;
    if !hidden.is_multiple_of(heads) {
        return Err(Config::wrong(&key, &format!("a divisor of d_model {hidden}"), heads));
    }
    let inner = config.size(&format!("{side}_ffn_dim"), 4 * hidden)?;
    let norm = |name: &str| Ok(Norm::Layer(LayerNorm::new(&weights.at(name), hidden, 1e-5)?));
    let attention = |name: &str| {
        let project = |part: &str, biased| Linear::optional(&weights.at(name).at(part), hidden, hidden, biased);
        #[expect(clippy::cast_precision_loss, reason = "a head's width")]
        let scale = 1.0 / ((hidden / heads) as f32).sqrt();
        let attention = ProjectedAttention {
            query: project("q_proj", true)?,
            key: project("k_proj", false)?,
            value: project("v_proj", true)?,
            output: project("out_proj", true)?,
            heads,
            scale,
        };
        Ok((norm(&format!("{name}_layer_norm"))?, attention))
    };
    let activation = Activation::parse("activation_function", config.word("activation_function", "gelu")?)?;
    let (inner, outer) =
        (Linear::new(&weights.at("fc1"), inner, hidden)?, Linear::new(&weights.at("fc2"), hidden, inner)?);
    Ok(StackLayer {
        attention: attention("self_attn")?,
        cross: if side == "decoder" { Some(attention("encoder_attn")?) } else { None },
        feed: (norm("final_layer_norm")?, Feed::Plain(inner, outer, activation)),
    })
}

impl TwoStacks for Whisper {
    fn encode(&self, graph: &mut Graph, inputs: &Tensors) -> Result<(Value, Value)> {
        let features = sequences::input(graph, inputs, FEATURES, Element::F32)?;
        let mut x = graph.permute(features, &[0, 2, 1])?;
        for (convolution, stride) in self.convolutions.iter().zip([1, 2]) {
            let windows = graph.windows(x, WINDOW, stride, 1)?;
            x = convolution.forward(graph, windows, Some(Activation::Gelu))?;
        }
        let mask = sequences::input(graph, inputs, sequences::MASK, Element::I32)?;
        let [batch, length] = [graph.shape(x)[0], graph.shape(x)[1]];
        let positions = (0..batch).flat_map(|_| (0..).take(length)).collect();
        let positions = graph.constant(Tensor::i32(&[batch, length], positions));
        let positions = graph.gather(positions, &self.encoder.0)?;
        let x = graph.add(x, positions)?;
        graph.output("embeddings", x);
        let within = Within { mask, past: None, bias: None, cache: &Stateless };
        let x = self.encoder.1.forward(graph, x, &within, None)?;
        graph.output("encoder_last_hidden_state", x);
        Ok((x, mask))
    }

    fn decode(&self, graph: &mut Graph, inputs: &Tensors, memory: &Memory<'_>) -> Result<()> {
        let text = Text::declare(graph, inputs)?;
        // `scale_embedding` is in configurations, but the reference implementation does not scale.
        let x = graph.gather(text.ids, &self.words)?;
        let positions = graph.gather(text.positions, &self.decoder.0)?;
        let x = graph.add(x, positions)?;
        let within = Within { mask: text.mask, past: Some(text.past), bias: None, cache: memory.cache };
        let x = self.decoder.1.forward(graph, x, &within, Some(memory))?;
        graph.output("decoder_last_hidden_state", x);
        self.head.forward(graph, x, text.last)
    }

    fn decoder(&self) -> &Stack {
        &self.decoder.1
    }
}

impl Whisper {
    /// The spectrogram, and the mask of the encoder's sequence.
    fn frames(&self, inputs: &Tensors) -> Result<Tensors> {
        const KNOWN: [&str; 3] = [FEATURES, sequences::DECODER_IDS, sequences::DECODER_MASK];
        if let Some(other) = inputs.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Error::model("unknown input").expected(KNOWN.join(", ")).found(format!("'{other}'")));
        }
        let features = inputs.get(FEATURES);
        let features = features.ok_or_else(|| Error::model("missing input").expected(format!("'{FEATURES}'")))?;
        let rows = self.encoder.0.shape[0];
        let (true, &[batch, mel, frames]) = (features.is_float(), features.shape.as_slice()) else {
            let expected = "floats [batch, mel, frames]";
            return Err(Error::model("wrong shape")
                .of(FEATURES)
                .expected(expected)
                .found(format!("{:?}", features.shape)));
        };
        if batch == 0 || mel != self.mel || frames != 2 * rows {
            let expected = format!("[batch, {}, {}]", self.mel, 2 * rows);
            return Err(Error::model("wrong shape")
                .of(FEATURES)
                .expected(expected)
                .found(format!("{:?}", features.shape)));
        }
        Ok(Tensors::from([
            (FEATURES.to_owned(), features.clone()),
            (sequences::MASK.to_owned(), Tensor::i32(&[batch, rows], vec![1; batch * rows])),
        ]))
    }

    fn both(&self, inputs: &Tensors) -> Result<(Tensors, Tensors)> {
        let frames = self.frames(inputs)?;
        let batch = frames.get(FEATURES).map_or(1, |frames| frames.shape[0]);
        Ok((sequences::decoder(&self.rules, inputs, batch, self.start)?, frames))
    }
}

impl Model for Whisper {
    fn vocabulary(&self) -> usize {
        self.rules.vocabulary
    }

    fn inputs(&self) -> Vec<InputInfo> {
        let shape = [1, self.mel, 2 * self.encoder.0.shape[0]];
        vec![InputInfo::new(FEATURES, &shape, InputKind::Features, 0)]
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        let (mut all, encoder) = self.both(inputs)?;
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

impl Generate for Whisper {
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt> {
        let (text, encoder) = self.both(inputs)?;
        sequences::prompt(&text, encoder, self.rules.longest)
    }

    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, pass: Pass) -> Result<Graph> {
        sequences::pass(self, inputs, cache, pass)
    }
}
