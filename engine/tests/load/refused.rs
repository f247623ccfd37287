//! What the engine refuses, and in which words.

use std::fs;

use matrix_engine::{
    host::Host,
    protocol::{FailureKind, Options, Outcome, Step, Tensor},
};
use safetensors::tensor::Dtype;
use serde_json::Value;

use super::copy::{Copy, load};

#[test]
fn broken_headers_are_refused() {
    let copy = Copy::of("bert", "header");
    let path = copy.0.join("model.safetensors");
    let whole = fs::read(&path).expect("readable");
    let refusal = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writable");
        copy.refusal()
    };
    assert_eq!(
        refusal(&whole[..5]),
        "model.safetensors: not a safetensors file: expected at least 8 bytes, found 5 bytes"
    );
    assert_eq!(
        refusal(&whole[..100]),
        "model.safetensors: the header does not fit into the file: expected at most 92 bytes of header, \
         found 3992 bytes (hint: the file is truncated or no safetensors file)"
    );
    assert_eq!(
        refusal(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        "model.safetensors: the header does not fit into the file: expected at most 2 bytes of header, \
         found 18446744073709551615 bytes (hint: the file is truncated or no safetensors file)"
    );
    let message = refusal(&whole[..whole.len() - 1]);
    assert!(message.contains("its bytes lie outside the file: expected offsets within 0..192959"), "{message}");
    assert!(message.ends_with("(hint: the file is truncated: fetch it again)"), "{message}");
    let header = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[0; 16]].concat();
    assert_eq!(
        refusal(&header(r#"{"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}}"#)),
        "model.safetensors: tensor 'a': its bytes do not fill its shape: expected 20 bytes, found 16 bytes for F32 [5]"
    );
    assert_eq!(
        refusal(&header(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,16]}}"#)),
        "model.safetensors: tensor 'a': its bytes do not fill its shape: expected a shape that fits into memory, \
         found 16 bytes for F32 [4294967296, 4294967296, 4]"
    );
    assert_eq!(
        refusal(&header(r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#)),
        "model.safetensors: tensor 'a': its bytes lie outside the file: expected offsets within 0..16, found 16..0 \
         (hint: the file is truncated: fetch it again)"
    );
    let message = refusal(&header("{\"a\":"));
    assert!(message.starts_with("model.safetensors: the header is not valid: EOF"), "{message}");
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_refused() {
    let copy = Copy::of("bert", "missing");
    copy.change_weights(|weights| {
        weights.remove("encoder.layer.1.output.dense.weight");
    });
    assert_eq!(
        copy.refusal(),
        "model.safetensors: missing tensor: expected 'encoder.layer.1.output.dense.weight' [48, 96], \
         found 38 tensors such as embeddings.LayerNorm.bias, embeddings.LayerNorm.weight, \
         embeddings.position_embeddings.weight (hint: config.json and the weights are of different models)"
    );
    let copy = Copy::of("bert", "shape");
    copy.change_config("intermediate_size", 95);
    assert_eq!(
        copy.refusal(),
        "tensor 'encoder.layer.0.intermediate.dense.weight': wrong shape: expected [95, 48] from config.json, \
         found [96, 48] (hint: config.json and the weights are of different models)"
    );
    let copy = Copy::of("bert", "dtype");
    copy.change_weights(|weights| {
        let tensor = weights.get_mut("pooler.dense.bias").expect("there");
        *tensor = (Dtype::I32, tensor.1.clone(), tensor.2.clone());
    });
    assert_eq!(copy.refusal(), "tensor 'pooler.dense.bias': wrong element type: expected F32, F16 or BF16, found I32");
    fs::remove_file(copy.0.join("model.safetensors")).expect("removable");
    assert_eq!(
        copy.refusal(),
        "the folder has no weights: expected model.safetensors or model.safetensors.index.json \
         (hint: convert other formats with `save_pretrained(..., safe_serialization=True)`)"
    );
}

#[test]
fn absurd_configurations_are_refused() {
    let cases: [(&str, Value, &str); 7] = [
        (
            "num_hidden_layers",
            0.into(),
            "config.json: 'num_hidden_layers': unusable value: expected at least 1, found 0",
        ),
        (
            "num_attention_heads",
            5.into(),
            "config.json: 'num_attention_heads': unusable value: expected a divisor of hidden_size 48, found 5",
        ),
        (
            "hidden_size",
            (-3).into(),
            "config.json: 'hidden_size': unusable value: expected an integer from 0 to 2097152, found -3",
        ),
        (
            "vocab_size",
            9_000_000_000_u64.into(),
            "config.json: 'vocab_size': unusable value: expected an integer from 0 to 2097152, found 9000000000",
        ),
        (
            "hidden_size",
            "48".into(),
            "config.json: 'hidden_size': unusable value: expected an integer from 0 to 2097152, found \"48\"",
        ),
        ("layer_norm_eps", "x".into(), "config.json: 'layer_norm_eps': unusable value: expected a number, found \"x\""),
        (
            "position_embedding_type",
            "relative_key".into(),
            "config.json: 'position_embedding_type': unusable value: expected 'absolute', found 'relative_key'",
        ),
    ];
    for (index, (key, value, message)) in cases.into_iter().enumerate() {
        let copy = Copy::of("bert", &format!("absurd{index}"));
        copy.change_config(key, value);
        assert_eq!(copy.refusal(), message);
    }
}

#[test]
fn unusable_inputs_are_refused() {
    let copy = Copy::of("roberta", "inputs");
    let mut host = Host::new("");
    load(&mut host, copy.source(), Options::default());
    let mut refusal = |inputs: &[(&str, Tensor)], output: &str| {
        let inputs = inputs.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect();
        let step = Step::Infer { slot: "model".into(), inputs, outputs: vec![output.into()], reply: true };
        match pollster::block_on(host.perform(step)) {
            Outcome::Failed { kind: FailureKind::Model, message } => message,
            other => panic!("not refused: {other:?}"),
        }
    };
    let ids = |shape: &[usize], id: i32| ("input_ids", Tensor::i32(shape, vec![id; shape.iter().product()]));
    let last = "last_hidden_state";
    assert_eq!(refusal(&[], last), "missing input: expected 'input_ids'");
    assert_eq!(refusal(&[ids(&[1, 2], 140)], last), "input_ids: value out of range: expected 0 to 139, found 140");
    assert_eq!(refusal(&[ids(&[1, 2], -1)], last), "input_ids: value out of range: expected 0 to 139, found -1");
    assert_eq!(
        refusal(&[ids(&[1, 33], 5)], last),
        "input_ids: unusable shape: expected a batch of at least 1 and a length from 1 to 32, found [1, 33]"
    );
    assert_eq!(refusal(&[ids(&[4], 5)], last), "input_ids: wrong shape: expected [batch, length], found [4]");
    assert_eq!(
        refusal(&[ids(&[1, 2], 5), ("attention_mask", Tensor::i32(&[1, 3], vec![1; 3]))], last),
        "attention_mask: wrong shape: expected [1, 2] as input_ids has, found [1, 3]"
    );
    assert_eq!(
        refusal(&[ids(&[1, 2], 5)], "logits"),
        "the model has no such output: expected embeddings, last_hidden_state, layer0, layer1, pooler_output, \
         sentence_embedding, found 'logits'"
    );
}
