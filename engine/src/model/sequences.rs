//! The inputs of models with an encoder and a decoder.

use super::{
    Pass,
    prompt::{Prompt, TextRules},
};
use crate::{
    block::{Memory, Stack},
    cache::{Cache, Stateless},
    error::{Error, Result},
    graph::{Element, Graph, Value},
    load::Config,
    protocol::{Tensor, Tensors},
};

/// What a user calls the decoder's ids.
pub const DECODER_IDS: &str = "decoder_input_ids";
/// What a user calls the mask of the decoder's ids.
pub const DECODER_MASK: &str = "decoder_attention_mask";
/// What an encoder reads, once prepared. The decoder's tensors have the names of a text.
pub const IDS: &str = "encoder.ids";
/// `[B, T]`, 0 where the encoder's sequence is padding.
pub const MASK: &str = "encoder.mask";

/// The id a decoder starts from.
pub fn start(config: &Config, vocabulary: usize, default: usize) -> Result<i32> {
    const KEY: &str = "decoder_start_token_id";
    let start = config.index(KEY, default)?;
    if start >= vocabulary {
        return Err(Config::wrong(KEY, &format!("less than vocab_size {vocabulary}"), start));
    }
    Ok(i32::try_from(start).unwrap_or(i32::MAX))
}

/// Declares a prepared input.
pub fn input(graph: &mut Graph, inputs: &Tensors, name: &str, element: Element) -> Result<Value> {
    let tensor = inputs.get(name).ok_or_else(|| Error::internal("inputs were not prepared").of(name))?;
    Ok(graph.input(name, &tensor.shape, element))
}

/// One start id for every sequence.
#[must_use]
pub fn starts(batch: usize, start: i32) -> Tensor {
    Tensor::i32(&[batch, 1], vec![start; batch])
}

/// `input_ids` and `attention_mask` for an encoder of text, `decoder_input_ids` and `decoder_attention_mask` for
/// the decoder → what the decoder reads, and what the encoder reads.
pub fn texts(rules: &TextRules, inputs: &Tensors, start: i32) -> Result<(Tensors, Tensors)> {
    let Prompt { ids, mask, .. } = rules.prompt(inputs, &[DECODER_IDS, DECODER_MASK], &[])?;
    let decoder = decoder(rules, inputs, ids.shape[0], start)?;
    Ok((decoder, [(IDS, ids), (MASK, mask)].map(|(name, tensor)| (name.to_owned(), tensor)).into()))
}

/// What a decoder reads; without `decoder_input_ids` the start id alone.
pub fn decoder(rules: &TextRules, inputs: &Tensors, batch: usize, start: i32) -> Result<Tensors> {
    let given = inputs.get(DECODER_IDS).cloned().unwrap_or_else(|| starts(batch, start));
    if given.shape.first() != Some(&batch) {
        let expected = format!("[{batch}, length], as many as the encoder reads");
        return Err(Error::model("wrong shape").of(DECODER_IDS).expected(expected).found(format!("{:?}", given.shape)));
    }
    let ids = rules.ids(DECODER_IDS, &given)?;
    let mut text = Tensors::from([("input_ids".to_owned(), ids.clone())]);
    if let Some(mask) = inputs.get(DECODER_MASK) {
        let mask = rules.integers(DECODER_MASK, mask, &ids.shape, 2)?;
        text.insert("attention_mask".to_owned(), mask);
    }
    rules.whole(&text, &[])
}

/// A prompt whose first pass is the encoder's, from what [`decoder`] and an encoder read.
pub fn prompt(decoder: &Tensors, encode: Tensors, longest: usize) -> Result<Prompt> {
    let part = |from: &Tensors, name: &str| {
        from.get(name).cloned().ok_or_else(|| Error::internal("inputs were not prepared").of(name))
    };
    let every = Tensors::from([(MASK.to_owned(), part(&encode, MASK)?)]);
    let (ids, mask) = (part(decoder, "input_ids")?, part(decoder, "attention_mask")?);
    Ok(Prompt { ids, mask, encode: Some(encode), first: Tensors::new(), every, longest })
}

/// A model of an encoder and a decoder of text.
pub trait TwoStacks {
    /// The encoder over what it reads → hidden states `[B, T, H]`, and their mask `[B, T]`.
    fn encode(&self, graph: &mut Graph, inputs: &Tensors) -> Result<(Value, Value)>;

    /// The decoder over a text → logits, as outputs.
    fn decode(&self, graph: &mut Graph, inputs: &Tensors, memory: &Memory<'_>) -> Result<()>;

    /// The decoder's layers.
    fn decoder(&self) -> &Stack;
}

/// Both in one pass.
pub fn whole(model: &impl TwoStacks, inputs: &Tensors) -> Result<Graph> {
    let mut graph = Graph::new();
    let (hidden, mask) = model.encode(&mut graph, inputs)?;
    model.decode(&mut graph, inputs, &Memory { hidden: Some(hidden), mask, cache: &Stateless })?;
    Ok(graph)
}

/// One pass of a generation.
pub fn pass(model: &impl TwoStacks, inputs: &Tensors, cache: &dyn Cache, pass: Pass) -> Result<Graph> {
    let mut graph = Graph::new();
    if pass == Pass::Encode {
        let (hidden, _) = model.encode(&mut graph, inputs)?;
        model.decoder().keep(&mut graph, hidden, cache)?;
    } else {
        let mask = input(&mut graph, inputs, MASK, Element::I32)?;
        model.decode(&mut graph, inputs, &Memory { hidden: None, mask, cache })?;
    }
    Ok(graph)
}
