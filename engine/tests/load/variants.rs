//! Other precisions, shards, older names, heads, odd widths, quantization on load, synthetic weights.

use std::fs;

use half::{bf16, f16};
use matrix_engine::{
    catalog::{Family, Size},
    conformance::Case,
    host::Host,
    protocol::{Integer, ModelSource, Options, Outcome, Platform, Step, Tensor, Tensors},
};
use safetensors::tensor::Dtype;

use super::copy::{Copy, Raw, cosine, floats, infer, load};

#[test]
fn half_precision_files_load() {
    for (dtype, allowed) in [(Dtype::F16, 3e-3), (Dtype::BF16, 3e-2)] {
        let copy = Copy::of("bert_mlm", &format!("{dtype:?}"));
        copy.change_weights(|weights| {
            for (kind, _, bytes) in weights.values_mut() {
                *bytes = floats(bytes)
                    .into_iter()
                    .flat_map(|value| match dtype {
                        Dtype::F16 => f16::from_f32(value).to_le_bytes(),
                        _ => bf16::from_f32(value).to_le_bytes(),
                    })
                    .collect();
                *kind = dtype;
            }
        });
        let error = copy.error(Options::default());
        assert!(error > 0.0 && error < allowed, "{dtype:?}: {error}");
    }
}

#[test]
fn shards_give_the_same_numbers() {
    let copy = Copy::of("roberta_mlm", "shards");
    let whole = copy.error(Options::default());
    let mut map = serde_json::Map::new();
    let mut shards = [Raw::new(), Raw::new(), Raw::new()];
    for (index, (name, tensor)) in copy.weights().into_iter().enumerate() {
        map.insert(name.clone(), format!("model-{}.safetensors", index % 3).into());
        shards[index % 3].insert(name, tensor);
    }
    for (index, shard) in shards.iter().enumerate() {
        copy.write(&format!("model-{index}.safetensors"), shard);
    }
    let index = serde_json::json!({ "weight_map": map });
    fs::write(copy.0.join("model.safetensors.index.json"), index.to_string()).expect("writable");
    fs::remove_file(copy.0.join("model.safetensors")).expect("removable");
    assert_eq!(copy.error(Options::default()).to_bits(), whole.to_bits());

    fs::remove_file(copy.0.join("model-1.safetensors")).expect("removable");
    assert_eq!(
        copy.refusal(),
        "model.safetensors.index.json: a shard is missing: expected the file 'model-1.safetensors' \
         (hint: fetch every shard the index lists)"
    );
}

#[test]
fn older_names_prefixes_and_untied_heads_load() {
    let copy = Copy::of("bert", "gamma");
    copy.change_weights(|weights| {
        *weights = std::mem::take(weights)
            .into_iter()
            .map(|(name, tensor)| {
                let name =
                    name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
                (format!("bert.{name}"), tensor)
            })
            .collect();
    });
    assert!(copy.error(Options::default()) < 1e-5);

    let copy = Copy::of("bert_mlm", "untied");
    copy.change_config("tie_word_embeddings", false);
    copy.change_weights(|weights| {
        let words = weights["bert.embeddings.word_embeddings.weight"].clone();
        weights.insert("cls.predictions.decoder.weight".into(), words);
    });
    assert!(copy.error(Options::default()) < 1e-5);
}

#[test]
fn a_model_without_pooler_has_no_pooled_output() {
    let copy = Copy::of("bert", "no-pooler");
    copy.change_weights(|weights| weights.retain(|name, _| !name.starts_with("pooler")));
    let mut host = Host::new("");
    let (_, _, model) = load(&mut host, copy.source(), Options::default());
    assert_eq!(model.outputs, ["embeddings", "last_hidden_state", "layer0", "layer1", "sentence_embedding"]);
    let inputs = Tensors::from([("input_ids".to_owned(), Tensor::i32(&[2, 3], vec![5, 6, 7, 8, 9, 10]))]);
    let sentence = &infer(&mut host, inputs, &["sentence_embedding".into()])["sentence_embedding"];
    assert_eq!(sentence.shape, [2, 48]);
    for row in sentence.as_f32().expect("floats").chunks(48) {
        assert!((row.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn heads_and_odd_widths_run() {
    // Seven heads of five: nothing here is a multiple of four.
    let copy = Copy::of("roberta", "odd");
    for (key, value) in
        [("hidden_size", 35), ("num_attention_heads", 7), ("intermediate_size", 53), ("num_hidden_layers", 1)]
    {
        copy.change_config(key, value);
    }
    copy.change_config("architectures", vec!["RobertaForSequenceClassification"]);
    copy.change_config("id2label", serde_json::json!({"0": "a", "1": "b", "2": "c"}));
    copy.change_weights(|weights| {
        let resized = |shape: &[usize]| {
            let shape: Vec<usize> = shape
                .iter()
                .map(|&d| match d {
                    48 => 35,
                    80 => 53,
                    d => d,
                })
                .collect();
            let bytes = (0..shape.iter().product::<usize>()).flat_map(|i| ((i as f32 * 0.7).sin() * 0.3).to_le_bytes());
            (Dtype::F32, shape.clone(), bytes.collect::<Vec<u8>>())
        };
        *weights = std::mem::take(weights)
            .iter()
            .map(|(name, (_, shape, _))| (format!("roberta.{name}"), resized(shape)))
            .collect();
        for (name, shape) in [
            ("dense.weight", &[35, 35][..]),
            ("dense.bias", &[35]),
            ("out_proj.weight", &[3, 35]),
            ("out_proj.bias", &[3]),
        ] {
            weights.insert(format!("classifier.{name}"), resized(shape));
        }
    });
    let mut results = Vec::new();
    for platform in [Platform::NativeCpu, Platform::NativeGpu] {
        if platform.is_gpu() && std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
            continue;
        }
        let int4 = Integer { group_size: 32, ..Integer::bits(4) };
        for options in [Options::default(), Options { integer: Some(int4), ..Options::default() }] {
            let mut host = Host::new("");
            let step = Step::Load { slot: "model".into(), platform, model: copy.source(), options, work: Vec::new() };
            let outcome = pollster::block_on(host.perform(step));
            assert!(matches!(outcome, Outcome::Loaded { .. }), "{outcome:?}");
            let inputs = Tensors::from([("input_ids".to_owned(), Tensor::i32(&[2, 3], vec![5, 6, 7, 8, 1, 1]))]);
            let logits = infer(&mut host, inputs, &["logits".into()])["logits"].clone();
            assert_eq!(logits.shape, [2, 3]);
            results.push(logits.as_f32().expect("floats").to_vec());
        }
    }
    for (cpu, gpu) in results.iter().zip(results.iter().skip(2)) {
        assert!(cpu.iter().zip(gpu).all(|(c, g)| (c - g).abs() < 1e-4), "{cpu:?} {gpu:?}");
    }
}

#[test]
fn int4_saves_what_it_says_and_stays_close() {
    let copy = Copy::of("bert", "int4");
    let mut host = Host::new("");
    let (plain, plain_memory, _) = load(&mut host, copy.source(), Options::default());
    let int4 = |skip: &[&str]| Options {
        integer: Some(Integer {
            group_size: 32,
            skip_names: skip.iter().map(|&pattern| pattern.to_owned()).collect(),
            ..Integer::bits(4)
        }),
        ..Options::default()
    };
    let (small, small_memory, _) = load(&mut host, copy.source(), int4(&[]));
    assert_eq!(plain["bits_per_weight"], 32.0);
    // 48 columns are padded to two blocks of 32, 96 are three: 4.5 bits for each of 64 of 48, and of 96 of 96.
    assert_eq!(
        small["quantized_bits_per_weight"],
        4.5 * (64.0 * 48.0 * 9.0 + 96.0 * 48.0 + 64.0 * 96.0 * 2.0 + 96.0 * 48.0)
            / (48.0 * 48.0 * 9.0 + 96.0 * 48.0 * 4.0)
    );
    assert_eq!(small_memory.categories["weights"].live as f64, small["weight_bytes"]);
    assert!(small_memory.total.live * 2 < plain_memory.total.live);
    let case = pollster::block_on(Case::read(&copy.0)).expect("readable");
    let run = &case.runs[0];
    let got = infer(&mut host, run.inputs.clone(), &["last_hidden_state".into()]);
    let want = run.outputs.iter().find(|output| output.name == "last_hidden_state").expect("stored");
    let cosine = cosine(got["last_hidden_state"].as_f32().expect("floats"), want.tensor.as_f32().expect("floats"));
    assert!(cosine > 0.95 && cosine < 0.999_999, "{cosine}");
    // Patterns over names keep their precision.
    let (skipped, ..) = load(&mut host, copy.source(), int4(&["*"]));
    assert_eq!(skipped["weight_bytes"], plain["weight_bytes"]);
    let step = Step::Load {
        slot: "model".into(),
        platform: Platform::NativeCpu,
        model: copy.source(),
        options: Options { integer: Some(Integer { group_size: 48, ..Integer::bits(4) }), ..Options::default() },
        work: Vec::new(),
    };
    let Outcome::Failed { message, .. } = pollster::block_on(host.perform(step)) else {
        panic!("48 is no power of two")
    };
    assert_eq!(message, "int4: unusable group size: expected 32, 64, 128, 256 or 512, found 48");
}

#[test]
fn synthetic_models_are_the_same_every_time_and_free_what_they_held() {
    let source = || ModelSource::Synthetic { family: Family::Bert, size: Size::Tiny, seed: 3 };
    let inputs = || Tensors::from([("input_ids".to_owned(), Tensor::i32(&[1, 8], (100..108).collect()))]);
    let mut host = Host::new("");
    let (measures, memory, model) = load(&mut host, source(), Options::default());
    assert_eq!(model.architecture, "BertForMaskedLM");
    assert_eq!(measures["weight_bytes"], (model.parameters * 4) as f64);
    assert_eq!(memory.total.live, model.weight_bytes);
    let first = infer(&mut host, inputs(), &["logits".into()]);
    assert!(first["logits"].as_f32().expect("floats").iter().all(|value| value.is_finite()));
    load(&mut host, source(), Options::default());
    assert_eq!(infer(&mut host, inputs(), &["logits".into()]), first);
    let outcome = pollster::block_on(host.perform(Step::Unload { slot: "model".into() }));
    let Outcome::Unloaded { memory } = outcome else { panic!("{outcome:?}") };
    assert_eq!(memory.total.live, 0);
}
