//! Scales that are chosen by what layers are given.

use std::{fs, path::Path};

use matrix_engine::{
    conformance::Case,
    host::Host,
    protocol::{Calibration, FailureKind, Integer, Options, Outcome, Parallel, Platform, Step, Tensors},
    weights::importance::{FILE, Importance},
};

use super::copy::{Copy, cosine, floats, infer, load};

/// What the layers of a model are given by some inputs.
fn observed(copy: &Copy, passes: &[Tensors]) -> Importance {
    let mut host = Host::new("");
    load(&mut host, copy.source(), Options::default());
    pollster::block_on(host.observe("model", passes)).expect("looked at")
}

fn activations(folder: &Path) -> Options {
    let integer = Integer {
        group_size: 32,
        calibration: Calibration::Activations,
        calibration_set: vec!["ids".into()],
        importance: Some(folder.display().to_string()),
        ..Integer::bits(4)
    };
    Options { integer: Some(integer), ..Options::default() }
}

#[test]
fn the_inputs_of_a_layer_are_those_it_is_given() {
    let copy = Copy::of("llama", "observed");
    let case = pollster::block_on(Case::read(&copy.0)).expect("readable");
    let run = &case.runs[0];
    let importance = observed(&copy, &[run.inputs.clone(), run.inputs.clone()]);
    // What the first layers multiply with is the norm of the embeddings, which the case has.
    let embeddings = run.outputs.iter().find(|output| output.name == "embeddings").expect("stored");
    let rows = embeddings.tensor.as_f32().expect("floats");
    let scale = floats(&copy.weights()["model.layers.0.input_layernorm.weight"].2);
    let mut want = vec![0.0_f32; 64];
    for row in rows.chunks(64) {
        let mean = row.iter().map(|x| x * x).sum::<f32>() / 64.0 + 1e-6;
        let normed = row.iter().zip(&scale).map(|(x, scale)| x / mean.sqrt() * scale);
        want.iter_mut().zip(normed).for_each(|(sum, x)| *sum += x * x / (rows.len() / 64) as f32);
    }
    for name in ["q_proj", "k_proj", "v_proj"] {
        let got = importance.of(&format!("model.layers.0.self_attn.{name}.weight")).expect("seen");
        assert!(got.iter().zip(&want).all(|(got, want)| (got - want).abs() <= 1e-4 * want), "{name}: {got:?} {want:?}");
    }
    assert_eq!(importance.of("model.layers.1.mlp.down_proj.weight").map(<[f32]>::len), Some(96));
    assert!(importance.of("lm_head.weight").is_some() && importance.of("model.norm.weight").is_none());
}

#[test]
fn what_is_seen_brings_outputs_nearer() {
    // Half of the embeddings are ten times as large, as a few channels of trained models are.
    let copy = Copy::of("llama", "nearer");
    copy.change_weights(|weights| {
        let scale = weights.get_mut("model.layers.0.input_layernorm.weight").expect("there");
        let values: Vec<f32> =
            floats(&scale.2).iter().enumerate().map(|(i, v)| if i % 16 == 5 { v * 12.0 } else { *v }).collect();
        scale.2 = bytemuck::cast_slice(&values).to_vec();
    });
    let case = pollster::block_on(Case::read(&copy.0)).expect("readable");
    let (seen, judged) = (case.runs[1].inputs.clone(), case.runs[0].inputs.clone());
    fs::write(copy.0.join(FILE), observed(&copy, &[seen]).bytes()).expect("written");
    let mut host = Host::new("");
    let mut outputs = |options: Options, platform: Platform| {
        let (slot, model) = ("model".into(), copy.source());
        let step = Step::Load { slot, platform, model, options, work: Vec::new() };
        let outcome = pollster::block_on(host.perform(step));
        assert!(matches!(outcome, Outcome::Loaded { .. }), "{outcome:?}");
        let outputs = infer(&mut host, judged.clone(), &["logits".into()]);
        outputs["logits"].as_f32().expect("floats").to_vec()
    };
    let exact = outputs(Options::default(), Platform::NativeCpu);
    let mse = Integer { group_size: 32, calibration: Calibration::Mse, ..Integer::bits(4) };
    let even = outputs(Options { integer: Some(mse), ..Options::default() }, Platform::NativeCpu);
    let weighed = outputs(activations(&copy.0), Platform::NativeCpu);
    let (even, near) = (cosine(&even, &exact), cosine(&weighed, &exact));
    assert!(1.0 - near < 0.9 * (1.0 - even), "{near} {even}");
    let parallel = Options { parallel_loading: Some(Parallel::default()), ..activations(&copy.0) };
    assert!(outputs(parallel, Platform::NativeCpu) == weighed, "workers make the same");
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
        assert!(cosine(&outputs(activations(&copy.0), Platform::NativeGpu), &weighed) > 0.9999);
    }
}

#[test]
fn activations_of_another_model_are_refused() {
    let (copy, other) = (Copy::of("llama", "other"), Copy::of("bert", "another"));
    let refusal = || {
        let (slot, platform, options) = ("model".into(), Platform::NativeCpu, activations(&copy.0));
        let step = Step::Load { slot, platform, model: copy.source(), options, work: Vec::new() };
        match pollster::block_on(Host::new("").perform(step)) {
            Outcome::Failed { kind: FailureKind::Model, message } => message,
            outcome => panic!("not refused: {outcome:?}"),
        }
    };
    assert_eq!(refusal(), "nothing is known of the model's activations: expected the file 'importance.safetensors'");
    let write = |importance: &Importance| fs::write(copy.0.join(FILE), importance.bytes()).expect("written");
    let case = pollster::block_on(Case::read(&other.0)).expect("readable");
    write(&observed(&other, &[case.runs[0].inputs.clone()]));
    assert_eq!(refusal(), "importance.safetensors: the activations are those of another model");
    let means = |values: Vec<f32>| Importance::new([("lm_head.weight".to_owned(), values)].into());
    write(&means(vec![1.0; 63]));
    assert_eq!(
        refusal(),
        "importance.safetensors: tensor 'lm_head.weight': the activations are those of another model: \
         expected 64 values, found 63"
    );
    write(&means(vec![-1.0; 64]));
    assert_eq!(refusal(), "importance.safetensors: tensor 'lm_head.weight': no means of squares");
}
