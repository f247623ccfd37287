//! Models of images and sounds: what they refuse, and inputs of unusual sizes.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{InputInfo, InputKind, ModelSource, Options, Outcome, Platform, Step, Tensor, Tensors},
};
use serde_json::json;

use super::copy::{Copy, load};

fn refused(host: &mut Host, inputs: Tensors) -> String {
    let step = Step::Infer { slot: "model".into(), inputs, outputs: vec![], reply: false };
    match pollster::block_on(host.perform(step)) {
        Outcome::Failed { message, .. } => message,
        other => panic!("not refused: {other:?}"),
    }
}

fn pixels(shape: &[usize]) -> Tensor {
    InputInfo::new("pixel_values", shape, InputKind::Pixels, 0).sample(4)
}

#[test]
fn configurations_that_contradict_themselves_are_refused() {
    for (family, key, value, message) in [
        ("vit", "num_attention_heads", json!(5), "a divisor of hidden_size 48, found 5"),
        ("vit", "patch_size", json!(64), "at most [32, 32], found [64, 64]"),
        ("vit", "image_size", json!([32, 32, 32]), "one size or two, found [32, 32, 32]"),
        ("vit", "image_size", json!(40), "wrong shape: expected [1, 26, 48] from config.json, found [1, 17, 48]"),
        ("vit", "hidden_act", json!("mish"), "unknown activation: expected gelu"),
        ("resnet", "layer_type", json!("wide"), "'basic' or 'bottleneck', found 'wide'"),
        ("resnet", "depths", json!([1, 2]), "as many entries as hidden_sizes has, 4, found 2"),
        ("resnet", "hidden_sizes", json!([32, 0, 64, 80]), "a list of integers of at least 1, found [32,0,64,80]"),
        ("convnext", "depths", json!("three"), "a list of integers of at least 1, found \"three\""),
        ("convnext", "patch_size", json!(0), "at least 1, found 0"),
        ("wav2vec2", "conv_stride", json!([5, 2]), "as many entries as conv_dim has, 7, found 2"),
        ("wav2vec2", "feat_extract_norm", json!("batch"), "'group' or 'layer', found 'batch'"),
        ("wav2vec2", "num_conv_pos_embedding_groups", json!(7), "a divisor of hidden_size 48, found 7"),
        ("wav2vec2", "add_adapter", json!(true), "unsupported value: expected false, found true"),
        ("clip", "vision_config", json!(null), "'vision_config': unusable value: expected an object, found nothing"),
        ("clip", "text_config", json!([1]), "'text_config': unusable value: expected an object, found [1]"),
        ("xclip", "prompt_num_attention_heads", json!(7), "a divisor of projection_dim 24, found 7"),
    ] {
        let copy = Copy::of(family, &format!("senses-{key}"));
        copy.change_config(key, value);
        let step = Step::Load {
            slot: "model".into(),
            platform: Platform::NativeCpu,
            model: copy.source(),
            options: Options::default(),
            work: Vec::new(),
        };
        let outcome = pollster::block_on(Host::new("").perform(step));
        let Outcome::Failed { message: found, .. } = outcome else { panic!("{family} {key}: {outcome:?}") };
        assert!(found.contains(message), "{family}: {found}");
    }
}

#[test]
fn unusable_inputs_are_refused() {
    let mut host = Host::new("");
    load(&mut host, Copy::of("vit", "senses-inputs").source(), Options::default());
    let only = |name: &str, tensor| Tensors::from([(name.to_owned(), tensor)]);
    for (inputs, message) in [
        (Tensors::new(), "missing input: expected 'pixel_values'"),
        (only("pixels", pixels(&[1, 3, 32, 32])), "unknown input: expected pixel_values, found 'pixels'"),
        (
            only("pixel_values", pixels(&[1, 3, 32, 40])),
            "pixel_values: wrong shape: expected [batch, 3, 32, 32], found [1, 3, 32, 40]",
        ),
        (
            only("pixel_values", pixels(&[0, 3, 32, 32])),
            "pixel_values: wrong shape: expected [batch, 3, 32, 32], found [0, 3, 32, 32]",
        ),
        (
            only("pixel_values", Tensor::i32(&[1, 3, 32, 32], vec![0; 3072])),
            "pixel_values: wrong element type: expected f32, found i32",
        ),
    ] {
        assert_eq!(refused(&mut host, inputs), message);
    }
    load(&mut host, Copy::of("wav2vec2", "senses-short").source(), Options::default());
    assert_eq!(
        refused(&mut host, only("input_values", pixels(&[1, 399]))),
        "input_values: a wave too short for one feature: expected at least 400 samples, found 399"
    );
    load(&mut host, Copy::of("clap", "senses-long").source(), Options::default());
    assert_eq!(
        refused(&mut host, only("input_features", pixels(&[1, 1, 129, 32]))),
        "input_features: too many frames: expected at most 128, found 129"
    );
    load(&mut host, Copy::of("resnet", "senses-small").source(), Options::default());
    let inputs = only("pixel_values", pixels(&[1, 3, 1, 1]));
    let step = Step::Infer { slot: "model".into(), inputs, outputs: vec!["logits".into()], reply: true };
    assert!(matches!(pollster::block_on(host.perform(step)), Outcome::Inferred { .. }));
}

/// The outputs of a tiny preset on both platforms, which have to agree.
fn both(family: Family, inputs: &Tensors, output: &str) -> Vec<f32> {
    let mut answers = Vec::new();
    for platform in [Platform::NativeCpu, Platform::NativeGpu] {
        if platform.is_gpu() && std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
            continue;
        }
        let mut host = Host::new("");
        let model = ModelSource::Synthetic { family, size: Size::Tiny, seed: 8 };
        let step = Step::Load { slot: "model".into(), platform, model, options: Options::default(), work: Vec::new() };
        let outcome = pollster::block_on(host.perform(step));
        assert!(matches!(outcome, Outcome::Loaded { .. }), "{outcome:?}");
        let outputs = vec![output.to_owned()];
        let step = Step::Infer { slot: "model".into(), inputs: inputs.clone(), outputs, reply: true };
        let outcome = pollster::block_on(host.perform(step));
        let Outcome::Inferred { outputs, .. } = outcome else { panic!("{family:?}: {outcome:?}") };
        answers.push(outputs[output].as_f32().expect("floats").to_vec());
    }
    let largest = answers[0].iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    for gpu in &answers[1..] {
        assert!(answers[0].iter().zip(gpu).all(|(c, g)| (c - g).abs() < 1e-4 * largest), "{family:?}");
    }
    answers.swap_remove(0)
}

#[test]
fn odd_sizes_and_batches_run_the_same_everywhere() {
    for (family, name, shape) in [
        (Family::Resnet, "pixel_values", &[3, 3, 65, 47][..]),
        (Family::Convnext, "pixel_values", &[2, 3, 70, 39]),
        (Family::Wav2vec2, "input_values", &[2, 5003]),
    ] {
        let input = |shape: &[usize]| InputInfo::new(name, shape, InputKind::Pixels, 0).sample(5);
        let whole = input(shape);
        let batch = both(family, &Tensors::from([(name.to_owned(), whole.clone())]), "logits");
        // The first of a batch does not depend on the others.
        let first = [&[1], &shape[1..]].concat();
        let values = whole.as_f32().expect("floats")[..first.iter().product()].to_vec();
        let alone = both(family, &Tensors::from([(name.to_owned(), Tensor::f32(&first, values))]), "logits");
        assert!(alone.iter().zip(&batch).all(|(a, b)| (a - b).abs() < 1e-4), "{family:?}");
    }
}

#[test]
fn a_mask_of_samples_becomes_one_of_features() {
    // 4000 samples of 5200: with a mask, features see nothing of the padding in front of their convolutions.
    let wave = InputInfo::new("input_values", &[1, 4000], InputKind::Samples, 0).sample(6);
    let mut padded = wave.as_f32().expect("floats").to_vec();
    padded.resize(5200, 0.0);
    let mask = (0..5200).map(|index| i32::from(index < 4000)).collect();
    let copy = Copy::of("wav2vec2", "senses-padded");
    let outputs = ["logits".to_owned(), "conv_features".to_owned()];
    let mut host = Host::new("");
    load(&mut host, copy.source(), Options::default());
    let alone = super::copy::infer(&mut host, Tensors::from([("input_values".to_owned(), wave)]), &outputs);
    let inputs = Tensors::from([
        ("input_values".to_owned(), Tensor::f32(&[1, 5200], padded)),
        ("attention_mask".to_owned(), Tensor::i32(&[1, 5200], mask)),
    ]);
    let together = super::copy::infer(&mut host, inputs, &outputs);
    // The first norm is over all of time, so only shapes and finiteness can be compared.
    assert_eq!(alone["logits"].shape, [1, 12, 32]);
    assert_eq!(together["logits"].shape, [1, 16, 32]);
    assert!(together["logits"].as_f32().expect("floats").iter().all(|value| value.is_finite()));
}

#[test]
fn either_tower_works_alone() {
    for (family, name, shape, output) in [
        (Family::Clip, "pixel_values", &[2, 3, 64, 64][..], "image_embeds"),
        (Family::Clap, "input_features", &[2, 1, 77, 64], "audio_embeds"),
    ] {
        let input = InputInfo::new(name, shape, InputKind::Features, 0).sample(7);
        let embeds = both(family, &Tensors::from([(name.to_owned(), input)]), output);
        let ids = Tensor::i32(&[2, 3], vec![5, 6, 4000, 8, 9, 4000]);
        let texts = both(family, &Tensors::from([("input_ids".to_owned(), ids)]), "text_embeds");
        for vector in [embeds, texts].iter().flat_map(|vectors| vectors.chunks(128)) {
            assert!((vector.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4, "{family:?}");
        }
    }
}
