//! Sentences → ids, or seeded ids where there is no tokenizer.

use std::path::Path;

use matrix_engine::protocol::{Tensor, Tensors};
use tokenizers::{PaddingParams, Tokenizer, TruncationParams};

use super::sources::read_bounded;
use crate::error::Error;

/// Bytes of a tokenizer's configuration; the tokens added to large vocabularies stand in it.
const CONFIG_LIMIT: u64 = 16 << 20;

/// Inputs of a text encoder: `input_ids`, with a tokenizer also `attention_mask` and `token_type_ids`,
/// each [texts, tokens].
///
/// With `tokenizer.json` in `folder` the texts are tokenized, cut after `tokens` and padded to the longest;
/// without it, or without texts, one row of `tokens` seeded ids below `vocabulary` is made.
///
/// # Errors
/// When the tokenizer can't be read or refuses the text.
pub fn text_inputs(folder: Option<&Path>, vocabulary: u32, texts: &[String], tokens: u32) -> Result<Tensors, Error> {
    match folder.map(|folder| folder.join("tokenizer.json")).filter(|file| file.exists()) {
        Some(file) if !texts.is_empty() => tokenize(&file, texts, tokens),
        _ => Ok(seeded_ids(vocabulary, tokens)),
    }
}

fn tokenize(file: &Path, texts: &[String], tokens: u32) -> Result<Tensors, Error> {
    let refuse = |error: tokenizers::Error| {
        Error::usage(format!("the tokenizer {} can't be used: {error}", file.display()))
            .hint("the file must be a tokenizer.json as Hugging Face saves it")
    };
    let mut tokenizer = Tokenizer::from_file(file).map_err(refuse)?;
    let padding = PaddingParams { pad_id: pad_id(&tokenizer, file), ..PaddingParams::default() };
    tokenizer.with_padding(Some(padding));
    let max_length = usize::try_from(tokens).unwrap_or(usize::MAX);
    tokenizer.with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() })).map_err(refuse)?;
    let rows = tokenizer.encode_batch(texts.to_vec(), true).map_err(refuse)?;
    let shape = [rows.len(), rows.first().map_or(0, tokenizers::Encoding::len)];
    let tensor = |part: fn(&tokenizers::Encoding) -> &[u32]| {
        let values = rows.iter().flat_map(|row| part(row).iter().map(|&id| i32::try_from(id).unwrap_or(i32::MAX)));
        Tensor::i32(&shape, values.collect())
    };
    Ok([
        ("input_ids".to_owned(), tensor(tokenizers::Encoding::get_ids)),
        ("attention_mask".to_owned(), tensor(tokenizers::Encoding::get_attention_mask)),
        ("token_type_ids".to_owned(), tensor(tokenizers::Encoding::get_type_ids)),
    ]
    .into())
}

/// The id that fills rows: the tokenizer's own padding, the padding token that stands beside it, or one by name.
fn pad_id(tokenizer: &Tokenizer, file: &Path) -> u32 {
    let own = tokenizer.get_padding().map(|padding| padding.pad_id);
    let beside = || tokenizer.token_to_id(&named_pad_token(&file.with_file_name("tokenizer_config.json"))?);
    let usual = || ["[PAD]", "<pad>"].iter().find_map(|token| tokenizer.token_to_id(token));
    own.or_else(beside).or_else(usual).unwrap_or(0)
}

/// `pad_token` of a `tokenizer_config.json`: a word, or an object with its `content`.
fn named_pad_token(file: &Path) -> Option<String> {
    let bytes = read_bounded(file, CONFIG_LIMIT).ok()?;
    let config: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let token = config.get("pad_token")?;
    Some(token.as_str().or_else(|| token.get("content")?.as_str())?.to_owned())
}

/// One row of ids from a linear congruential generator, clear of the special ids at the front of most vocabularies.
fn seeded_ids(vocabulary: u32, tokens: u32) -> Tensors {
    let special = 4.min(vocabulary / 2);
    let usable = u64::from((vocabulary - special).max(1));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let ids = (0..tokens).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from(u64::from(special) + (state >> 33) % usable).unwrap_or(0)
    });
    let ids: Vec<i32> = ids.collect();
    [("input_ids".to_owned(), Tensor::i32(&[1, ids.len()], ids))].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_ids_stay_inside_the_vocabulary_and_never_change() {
        let inputs = seeded_ids(130, 64);
        let ids = inputs["input_ids"].as_i32().expect("integers");
        assert_eq!(inputs["input_ids"].shape, [1, 64]);
        assert!(ids.iter().all(|id| (4..130).contains(id)));
        assert_eq!(inputs, seeded_ids(130, 64));
        assert!(ids.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn rows_are_filled_with_the_token_that_stands_beside_the_tokenizer() {
        let folder = tempfile::tempdir().expect("a folder");
        let tokenizer = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
            "added_tokens": [{"id": 4, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true}],
            "model": {"type": "WordLevel", "vocab": {"a": 0, "cat": 1, "sat": 2, "<unk>": 3}, "unk_token": "<unk>"},
        });
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("writes");
        let ids = |texts: &[&str], tokens| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            text_inputs(Some(folder.path()), 6, &texts, tokens).expect("ids")["input_ids"].clone()
        };
        assert_eq!(ids(&["a cat sat", "cat"], 8), Tensor::i32(&[2, 3], vec![0, 1, 2, 1, 0, 0]));
        for config in [r#"{"pad_token": "<end>"}"#, r#"{"pad_token": {"content": "<end>"}}"#] {
            std::fs::write(folder.path().join("tokenizer_config.json"), config).expect("writes");
            assert_eq!(ids(&["a cat sat", "cat"], 8), Tensor::i32(&[2, 3], vec![0, 1, 2, 1, 4, 4]));
        }
        assert_eq!(ids(&["a cat sat"], 2), Tensor::i32(&[1, 2], vec![0, 1]));
    }

    #[test]
    fn a_tiny_vocabulary_is_no_trap() {
        for vocabulary in 1..6 {
            let inputs = seeded_ids(vocabulary, 8);
            let ids = inputs["input_ids"].as_i32().expect("integers").to_vec();
            assert!(ids.iter().all(|&id| u32::try_from(id).is_ok_and(|id| id < vocabulary)), "{vocabulary}: {ids:?}");
        }
    }
}
