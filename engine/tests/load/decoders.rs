//! Decoders in other shapes and files: what loads, and what is refused in which words.

use half::bf16;
use matrix_engine::{
    conformance::{Case, compare, merge},
    host::Host,
    protocol::{Options, Outcome, Platform, Step},
};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use super::copy::{Copy, floats, load};

fn refusal(family: &str, name: &str, key: &str, value: Value) -> String {
    let copy = Copy::of(family, name);
    copy.change_config(key, value);
    let (slot, platform, options) = ("model".into(), Platform::NativeCpu, Options::default());
    let step = Step::Load { slot, platform, model: copy.source(), options, work: Vec::new() };
    match pollster::block_on(Host::new("").perform(step)) {
        Outcome::Failed { message, .. } => message,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn configurations_that_cannot_be_are_refused_by_key_allowed_and_found() {
    let cases = [
        (
            "llama",
            "num_key_value_heads",
            json!(3),
            "config.json: 'num_key_value_heads': unusable value: expected a divisor of num_attention_heads 4, found 3",
        ),
        ("llama", "head_dim", json!(15), "config.json: 'head_dim': unusable value: expected an even number, found 15"),
        ("llama", "hidden_act", json!("mish"), "config.json: 'hidden_act': unknown activation: expected "),
        (
            "llama",
            "rope_scaling",
            json!({"type": "su", "factor": 2.0}),
            "config.json: 'rope_scaling.rope_type': unsupported value: expected 'default', 'linear', 'dynamic', \
             'llama3' or 'yarn', found 'su'",
        ),
        (
            "llama",
            "rope_scaling",
            json!({"rope_type": "linear", "factor": 0.0}),
            "config.json: 'rope_scaling.factor': unusable value: expected more than 0, found 0",
        ),
        ("gpt2", "n_head", json!(5), "config.json: 'n_head': unusable value: expected a divisor of n_embd 48, found 5"),
        (
            "t5",
            "decoder_start_token_id",
            json!(150),
            "config.json: 'decoder_start_token_id': unusable value: expected less than vocab_size 150, found 150",
        ),
        (
            "llava",
            "vision_feature_layer",
            json!([-2, -5]),
            "config.json: 'vision_feature_layer': unusable value: expected an integer from -4 to 3, found [-2,-5]",
        ),
    ];
    for (index, (family, key, value, expected)) in cases.into_iter().enumerate() {
        let message = refusal(family, &format!("decoder{index}"), key, value);
        assert!(message.starts_with(expected), "{message}");
    }
    let copy = Copy::of("qwen2", "window");
    copy.change_config("use_sliding_window", true);
    copy.change_config("sliding_window", 16);
    let (slot, platform, options) = ("model".into(), Platform::NativeCpu, Options::default());
    let step = Step::Load { slot, platform, model: copy.source(), options, work: Vec::new() };
    let outcome = pollster::block_on(Host::new("").perform(step));
    let Outcome::Failed { message, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        message,
        "config.json: 'sliding_window': unsupported value: expected null or at least max_position_embeddings 128, \
         found 16"
    );
}

/// Since version 5, Hugging Face's library saves all towers under `model` and the head beside it.
#[test]
fn newer_names_of_towers_load() {
    for family in ["llava", "llava_next"] {
        let copy = Copy::of(family, "newer");
        copy.change_weights(|weights| {
            let renamed = std::mem::take(weights).into_iter().map(|(name, values)| {
                let newer = match name.strip_prefix("language_model.") {
                    Some("lm_head.weight") => "lm_head.weight".to_owned(),
                    Some(inner) => format!("model.language_model.{}", inner.trim_start_matches("model.")),
                    None => format!("model.{name}"),
                };
                (newer, values)
            });
            *weights = renamed.collect();
        });
        let mut host = Host::new("");
        load(&mut host, copy.source(), Options::default());
        let case = pollster::block_on(Case::read(&copy.0)).expect("readable");
        let run = &case.runs[0];
        let outcomes = run.steps("model").into_iter().map(|step| pollster::block_on(host.perform(step))).collect();
        let got = merge(outcomes).expect("outputs");
        for row in compare(run, &got, Platform::NativeCpu).expect("comparable") {
            assert!(row.max_rel < 1e-4, "{row:?}");
        }
    }
}

#[test]
fn matrices_with_exchanged_axes_load_in_half_precision() {
    let copy = Copy::of("gpt2", "bf16");
    copy.change_weights(|weights| {
        for (kind, _, bytes) in weights.values_mut() {
            *bytes = floats(bytes).into_iter().flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect();
            *kind = Dtype::BF16;
        }
    });
    let mut host = Host::new("");
    load(&mut host, copy.source(), Options::default());
    let case = pollster::block_on(Case::read(&copy.0)).expect("readable");
    let run = &case.runs[1];
    let outcomes = run.steps("model").into_iter().map(|step| pollster::block_on(host.perform(step))).collect();
    let got = merge(outcomes).expect("outputs");
    for row in compare(run, &got, Platform::NativeCpu).expect("comparable") {
        assert!(row.max_rel > 0.0 && row.max_rel < 5e-2, "{row:?}");
    }
}
