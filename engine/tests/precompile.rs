//! Shaders that were compiled while a model was loaded: all that its first inference needs, and it computes the same.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{
        Decode, FailureKind, FlashAttention, Integer, KvCache, Measure, ModelInfo, ModelSource, Options, Outcome,
        Platform, Step, Streaming, Tensor, Tensors, Work,
    },
};

fn value(measures: &[Measure], metric: &str) -> f64 {
    let found = measures.iter().find(|measure| measure.metric == metric);
    found.unwrap_or_else(|| panic!("no {metric} in {measures:?}")).value
}

/// A model on a GPU that has compiled nothing before.
fn load(family: Family, options: &Options, work: Vec<Work>) -> (Host, Vec<Measure>, ModelInfo) {
    let mut host = Host::new("");
    let step = Step::Load {
        slot: "model".into(),
        platform: Platform::NativeGpu,
        model: ModelSource::Synthetic { family, size: Size::Tiny, seed: 3 },
        options: options.clone(),
        work,
    };
    match pollster::block_on(host.perform(step)) {
        Outcome::Loaded { measures, model, .. } => (host, measures, model),
        other => panic!("{family:?}: {other:?}"),
    }
}

/// Does the work for the first time: its outputs, and how many shaders were there and how many were not.
fn first(host: &mut Host, work: &Work) -> (Tensors, f64, f64) {
    let (slot, inputs, outputs) = ("model".to_owned(), work.inputs.clone(), work.outputs.clone());
    let step = match work.decode.last() {
        Some(decode) => Step::Generate { slot, inputs, decode: decode.clone(), outputs, reply: true },
        None => Step::Infer { slot, inputs, outputs, reply: true },
    };
    match pollster::block_on(host.perform(step)) {
        Outcome::Inferred { measures, outputs, .. } | Outcome::Generated { measures, outputs, .. } => {
            (outputs, value(&measures, "shader_hits"), value(&measures, "shader_misses"))
        }
        other => panic!("{other:?}"),
    }
}

/// What is done with a model: all of its outputs, or a prompt and three tokens.
fn work(info: &ModelInfo) -> Work {
    let inputs = info.inputs.iter().map(|input| (input.name.clone(), input.sample(7))).collect();
    if info.generates {
        let decode = Decode { step_logits: true, ..Decode::greedy(3) };
        return Work { inputs, outputs: Vec::new(), decode: vec![decode] };
    }
    Work { inputs, outputs: info.outputs.clone(), decode: Vec::new() }
}

/// Loads without and with precompilation, and compares.
fn nothing_is_missed(family: Family, options: &Options, heard: Option<Tensor>) {
    let (mut host, measures, info) = load(family, options, Vec::new());
    assert!(measures.iter().all(|measure| measure.metric != "precompile_time"));
    let mut work = work(&info);
    if let Some(samples) = heard {
        work.inputs.retain(|name, _| name != "input_features" && name != "input_values");
        work.inputs.insert("samples".to_owned(), samples);
    }
    let (lazy, _, misses) = first(&mut host, &work);
    assert!(misses > 0.0, "{family:?}: nothing was compiled at the first inference");
    drop(host);

    let options = Options { shader_precompile: true, ..options.clone() };
    let (mut host, measures, _) = load(family, &options, vec![work.clone()]);
    assert!(value(&measures, "precompile_time") <= value(&measures, "load_time"), "{family:?}");
    // Some are compiled to make the weights.
    let compiled = value(&measures, "precompiled_shaders");
    assert!(compiled >= misses, "{family:?}: {compiled} of {misses}");
    let (ahead, hits, missed) = first(&mut host, &work);
    assert_eq!(missed, 0.0, "{family:?} {options:?}");
    assert!(hits >= compiled, "{family:?}: {compiled} shaders, {hits} lookups");
    assert_eq!(lazy, ahead, "{family:?}");
}

fn no_gpu() -> bool {
    std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some()
}

#[test]
fn the_first_inference_of_every_family_misses_no_shader() {
    for &family in Family::ALL.iter().filter(|_| !no_gpu()) {
        nothing_is_missed(family, &Options::default(), None);
    }
}

#[test]
fn nor_does_it_with_other_optimizations() {
    let options = Options {
        integer: Some(Integer::bits(4)),
        flash_attention: Some(FlashAttention::default()),
        ..Options::default()
    };
    let kept = Options { kv_cache: Some(KvCache { window: Some(64), ..KvCache::default() }), ..options.clone() };
    for family in [Family::Llama, Family::T5, Family::Whisper].into_iter().filter(|_| !no_gpu()) {
        nothing_is_missed(family, &kept, None);
    }
    let streamed = Options { streaming: Some(Streaming { budget_mb: Some(9) }), ..options.clone() };
    if !no_gpu() {
        nothing_is_missed(Family::Llama, &streamed, None);
    }
    let heard = Options { compute_shaders: true, ..options };
    for (family, rate) in [(Family::Whisper, 16_000), (Family::Wav2vec2, 16_000), (Family::Clap, 48_000)] {
        if !no_gpu() {
            let samples = (0..2 * rate).map(|i| (i as f32 * 0.05).sin() * 0.3).collect();
            nothing_is_missed(family, &heard, Some(Tensor::f32(&[1, 2 * rate], samples)));
        }
    }
}

#[test]
fn without_known_work_it_is_for_what_is_usual() {
    for (family, compute_shaders) in [(Family::Bert, false), (Family::Gpt2, false), (Family::Wav2vec2, true)] {
        if no_gpu() {
            continue;
        }
        let options = Options { shader_precompile: true, compute_shaders, ..Options::default() };
        let (mut host, _, info) = load(family, &options, Vec::new());
        let mut work = work(&info);
        work.decode.iter_mut().for_each(|decode| decode.step_logits = false);
        if compute_shaders {
            work.inputs.remove("input_values");
            work.inputs.insert("samples".to_owned(), Tensor::f32(&[1, 160_000], vec![0.5; 160_000]));
        }
        assert_eq!(first(&mut host, &work).2, 0.0, "{family:?}");
    }
}

#[test]
fn a_cpu_has_no_shaders() {
    let step = Step::Load {
        slot: "model".into(),
        platform: Platform::NativeCpu,
        model: ModelSource::Synthetic { family: Family::Bert, size: Size::Tiny, seed: 3 },
        options: Options { shader_precompile: true, ..Options::default() },
        work: Vec::new(),
    };
    let outcome = pollster::block_on(Host::new("").perform(step));
    let message = "shader precompilation is not for a CPU: expected a GPU".to_owned();
    assert_eq!(outcome, Outcome::Failed { kind: FailureKind::Unsupported, message });
}
