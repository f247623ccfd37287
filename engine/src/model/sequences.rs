//! The inputs of models with an encoder and a decoder.

use super::prompt::{Prompt, TextRules};
use crate::{
    error::{Error, Result},
    graph::{Element, Graph, Value},
    load::Config,
    protocol::{Tensor, Tensors},
};

/// What a user calls the decoder's ids.
pub const DECODER_IDS: &str = "decoder_input_ids";
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
    let Prompt { ids, mask, .. } = rules.prompt(inputs, &[DECODER_IDS, "decoder_attention_mask"], &[])?;
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
    if let Some(mask) = inputs.get("decoder_attention_mask") {
        let mask = rules.integers("decoder_attention_mask", mask, &ids.shape, 2)?;
        text.insert("attention_mask".to_owned(), mask);
    }
    rules.whole(&text, &[])
}

/// A prompt whose first pass is the encoder's.
#[must_use]
pub fn prompt(ids: Tensor, encode: Tensors, every: Tensors, longest: usize) -> Prompt {
    let mask = Tensor::i32(&ids.shape, vec![1; ids.shape.iter().product()]);
    Prompt { ids, mask, encode: Some(encode), first: Tensors::new(), every, longest }
}
