//! Files as they are found in the wild: other precisions, shards, older names, heads, quantization on
//! load, and everything that can be wrong with a file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use half::{bf16, f16};
use matrix_engine::{
    catalog::{Family, Size},
    conformance::{Case, compare},
    host::Host,
    protocol::{FailureKind, Int4, Memory, ModelInfo, ModelSource, Options, Outcome, Platform, Step, Tensor, Tensors},
};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;

/// A copy of a reference model that a test may spoil; removed when it goes out of scope.
struct Copy(PathBuf);

type Raw = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

impl Copy {
    fn of(family: &str, name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(family);
        let to = std::env::temp_dir().join(format!("matrix-engine-{}-{name}", std::process::id()));
        fs::create_dir_all(&to).expect("a temporary folder");
        for file in ["config.json", "model.safetensors", "case.json", "case.safetensors"] {
            fs::copy(from.join(file), to.join(file)).expect("copies");
        }
        Self(to)
    }

    fn weights(&self) -> Raw {
        let bytes = fs::read(self.0.join("model.safetensors")).expect("readable");
        let file = SafeTensors::deserialize(&bytes).expect("valid");
        file.iter()
            .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
            .collect()
    }

    fn write(&self, file: &str, weights: &Raw) {
        let views = weights.iter().map(|(name, (dtype, shape, bytes))| {
            (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).expect("consistent"))
        });
        fs::write(self.0.join(file), safetensors::serialize(views, None).expect("serialises")).expect("writable");
    }

    fn change_weights(&self, change: impl FnOnce(&mut Raw)) {
        let mut weights = self.weights();
        change(&mut weights);
        self.write("model.safetensors", &weights);
    }

    fn change_config(&self, key: &str, value: impl Into<Value>) {
        let path = self.0.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).expect("readable")).expect("valid");
        config[key] = value.into();
        fs::write(path, config.to_string()).expect("writable");
    }

    fn source(&self) -> ModelSource {
        ModelSource::Folder { at: self.0.display().to_string() }
    }

    /// Loads the model and runs its case: the largest relative error of the outputs.
    fn error(&self, options: Options) -> f64 {
        let mut host = Host::new("");
        load(&mut host, self.source(), options);
        let case = pollster::block_on(Case::read(&self.0)).expect("readable");
        let rows = case.runs.iter().flat_map(|run| {
            let got = infer(&mut host, run.inputs.clone(), &run.output_names());
            compare(run, &got, Platform::NativeCpu).expect("comparable")
        });
        rows.map(|row| row.max_rel).fold(0.0, f64::max)
    }

    /// The message of a load that must fail because of the model, with the folder's name cut out.
    fn refusal(&self) -> String {
        let step = Step::Load {
            slot: "model".into(),
            platform: Platform::NativeCpu,
            model: self.source(),
            options: Options::default(),
        };
        match pollster::block_on(Host::new("").perform(step)) {
            Outcome::Failed { kind: FailureKind::Model, message } => {
                message.replace(&format!("{}: ", self.0.display()), "")
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Nothing depends on it being gone.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load(host: &mut Host, model: ModelSource, options: Options) -> (BTreeMap<String, f64>, Memory, ModelInfo) {
    let step = Step::Load { slot: "model".into(), platform: Platform::NativeCpu, model, options };
    match pollster::block_on(host.perform(step)) {
        Outcome::Loaded { measures, memory, model } => {
            (measures.into_iter().map(|measure| (measure.metric, measure.value)).collect(), memory, model)
        }
        other => panic!("not loaded: {other:?}"),
    }
}

fn infer(host: &mut Host, inputs: Tensors, outputs: &[String]) -> Tensors {
    let step = Step::Infer { slot: "model".into(), inputs, outputs: outputs.to_vec(), reply: true };
    match pollster::block_on(host.perform(step)) {
        Outcome::Inferred { outputs, .. } => outputs,
        other => panic!("not inferred: {other:?}"),
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(bytes)
}

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
        for options in [Options::default(), Options { int4: Some(Int4 { group_size: 32, skip_names: vec![] }) }] {
            let mut host = Host::new("");
            let step = Step::Load { slot: "model".into(), platform, model: copy.source(), options };
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
        int4: Some(Int4 { group_size: 32, skip_names: skip.iter().map(|&pattern| pattern.to_owned()).collect() }),
    };
    let (small, small_memory, _) = load(&mut host, copy.source(), int4(&[]));
    assert_eq!(plain["bits_per_weight"], 32.0);
    // 48 columns are padded to two groups of 32, 96 are three: 4.5 bits for each of 64 of 48, and of 96 of 96.
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
        options: Options { int4: Some(Int4 { group_size: 48, skip_names: vec![] }) },
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
