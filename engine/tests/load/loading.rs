//! How weights come to a device changes what is held meanwhile and nothing else.

use std::{fs, path::PathBuf};

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    load::{Folder, Origin, Synthetic, preset},
    model,
    protocol::{
        Decode, FailureKind, Integer, Measure, Memory, ModelInfo, ModelSource, Offload, Options, Outcome, Parallel,
        Platform, Progressive, Scheme, Step, Streaming, Tensors, Timeline,
    },
    weights::save,
};

const SEED: u64 = 3;

/// A preset as a folder; removed when it goes out of scope.
struct Preset(PathBuf, Family);

impl Preset {
    fn of(family: Family, name: &str) -> Self {
        let to = std::env::temp_dir().join(format!("matrix-engine-{}-{name}-{family:?}", std::process::id()));
        fs::create_dir_all(&to).expect("a temporary folder");
        let config = preset::config(family, Size::Tiny);
        let built = model::build(&config, &Origin::Synthetic(Synthetic::new(SEED))).expect("builds");
        save::save(&Synthetic::new(SEED), &config, &built.declared, &to).expect("written");
        Self(to, family)
    }

    fn source(&self) -> ModelSource {
        ModelSource::Folder { at: self.0.display().to_string() }
    }

    fn made_up(&self) -> ModelSource {
        ModelSource::Synthetic { family: self.1, size: Size::Tiny, seed: SEED }
    }
}

impl Drop for Preset {
    fn drop(&mut self) {
        // A leftover in a temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What came of loading and using a model.
struct Run {
    info: ModelInfo,
    measures: Vec<Measure>,
    loaded: Memory,
    used: Memory,
    outputs: Tensors,
    timeline: Timeline,
}

fn platforms() -> Vec<Platform> {
    let mut platforms = vec![Platform::NativeCpu];
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
        platforms.push(Platform::NativeGpu);
    }
    platforms
}

fn inputs(info: &ModelInfo) -> Tensors {
    let usual = info.inputs.iter().map(|input| {
        let mut input = input.clone();
        if let ("input_ids" | "attention_mask", [_, length]) = (input.name.as_str(), input.shape.as_mut_slice()) {
            // Images stand for many ids, and then none may be left out.
            *length = if info.inputs.len() == 1 { 12 } else { *length };
        }
        (input.name.clone(), input.sample(1))
    });
    usual.collect()
}

fn run(platform: Platform, model: ModelSource, options: &Options) -> Run {
    let mut host = Host::new("");
    let mut perform = |step| pollster::block_on(host.perform(step));
    let load = Step::Load { slot: "a".into(), platform, model, options: options.clone(), work: Vec::new() };
    let Outcome::Loaded { memory: loaded, model: info, .. } = (match perform(load) {
        Outcome::Failed { message, .. } => panic!("{message}"),
        other => other,
    }) else {
        panic!("not loaded");
    };
    let inputs = inputs(&info);
    let step = if info.generates {
        let decode = Decode { step_logits: true, ..Decode::greedy(4) };
        Step::Generate { slot: "a".into(), inputs, decode, outputs: Vec::new(), reply: true }
    } else {
        Step::Infer { slot: "a".into(), inputs, outputs: info.outputs.clone(), reply: true }
    };
    let (used, outputs, measures) = match perform(step) {
        Outcome::Inferred { memory, outputs, measures } => (memory, outputs, measures),
        Outcome::Generated { memory, tokens, mut outputs, measures } => {
            outputs.insert("tokens".into(), tokens);
            (memory, outputs, measures)
        }
        Outcome::Failed { message, .. } => panic!("{message}"),
        other => panic!("{other:?}"),
    };
    let Outcome::Timeline { timeline } = perform(Step::Timeline { slot: "a".into() }) else { panic!("no timeline") };
    let Outcome::Unloaded { memory } = perform(Step::Unload { slot: "a".into() }) else { panic!("not unloaded") };
    assert_eq!((memory.total.live, memory.whole.live), (0, 0), "nothing stays");
    Run { info, measures, loaded, used, outputs, timeline }
}

impl Run {
    fn measured(&self, metric: &str) -> f64 {
        self.measures.iter().find(|measure| measure.metric == metric).expect("measured").value
    }
}

#[test]
fn a_saved_preset_is_the_preset() {
    for family in [Family::Llama, Family::Gpt2, Family::Clip, Family::Whisper, Family::Wav2vec2, Family::Clap] {
        let preset = Preset::of(family, "saved");
        let options = Options::default();
        let saved = run(Platform::NativeCpu, preset.source(), &options);
        let made_up = run(Platform::NativeCpu, preset.made_up(), &options);
        assert!(saved.outputs == made_up.outputs, "{family:?}: the same weights, the same outputs");
    }
}

#[test]
fn chunks_need_less_memory_than_whole_files_and_give_the_same() {
    for family in [Family::Llama, Family::Llava, Family::Gpt2, Family::Bert] {
        let preset = Preset::of(family, "chunks");
        for platform in platforms() {
            for integer in [None, Some(Integer::bits(4))] {
                let whole = Options { integer, ..Options::default() };
                let chunks = Options { progressive_loading: Some(Progressive::default()), ..whole.clone() };
                let whole = run(platform, preset.source(), &whole);
                let chunks = run(platform, preset.source(), &chunks);
                assert!(whole.outputs == chunks.outputs, "{family:?} on {platform:?}");
                assert_eq!(whole.used.total, chunks.used.total, "afterwards the same is held");
                assert_eq!(chunks.loaded.categories["in_flight"].live, 0);
                let (before, now) = (whole.loaded.whole.peak, chunks.loaded.whole.peak);
                let percent = 100 - 100 * now / before;
                println!("{family:?} {platform:?}: {before} -> {now}, -{percent} %");
                assert!(family == Family::Gpt2 || percent >= 25, "{family:?} on {platform:?}: {before} -> {now}");
            }
        }
    }
}

#[test]
fn near_the_budget_chunks_come_one_by_one_and_give_the_same() {
    let preset = Preset::of(Family::Llama, "pressed");
    let with = |budget_mb| {
        let loading = Progressive { chunk_mb: Some(1), in_flight_mb: Some(8), budget_mb, ..Progressive::default() };
        let options = Options { progressive_loading: Some(loading), ..Options::default() };
        run(Platform::NativeCpu, preset.source(), &options)
    };
    let (free, pressed) = (with(None), with(Some(1)));
    assert!(free.outputs == pressed.outputs);
    assert!(free.info.warnings.is_empty(), "{:?}", free.info.warnings);
    let [warning] = pressed.info.warnings.as_slice() else { panic!("{:?}", pressed.info.warnings) };
    let (to, rest) = warning.split_once(' ').expect("a number");
    assert!(to.parse::<u64>().expect("a number") <= 1_000_000, "one at a time: {warning}");
    assert_eq!(rest, "bytes at a time were fetched instead of 8000000: the budget had no more room");
}

#[test]
fn the_first_layer_runs_before_the_last_arrives() {
    let families =
        [Family::Llama, Family::Llava, Family::Gpt2, Family::Bert, Family::T5, Family::Whisper, Family::Clip];
    for family in families {
        let preset = Preset::of(family, "overlap");
        for platform in platforms() {
            for integer in [None, Some(Integer::bits(4))] {
                let with = |overlap| {
                    let loading = Progressive { overlap, ..Progressive::default() };
                    Options { progressive_loading: Some(loading), integer: integer.clone(), ..Options::default() }
                };
                for source in [preset.source(), preset.made_up()] {
                    let before = run(platform, source.clone(), &with(false));
                    let early = run(platform, source, &with(true));
                    assert!(early.outputs == before.outputs, "{family:?} on {platform:?}: the same outputs");
                    assert!(early.measured("early_stages") > 0.0, "{family:?} on {platform:?}");
                    assert!(early.measured("load_time") > 0.0);
                    assert!(before.measures.iter().all(|measure| measure.metric != "load_time"));
                }
            }
        }
    }
}

#[test]
fn weights_that_stop_coming_are_told_and_nothing_stays() {
    let preset = Preset::of(Family::Llama, "stops");
    let mut host = Host::new("");
    let mut perform = |step| pollster::block_on(host.perform(step));
    let loading = Progressive { overlap: true, ..Progressive::default() };
    let options = Options { progressive_loading: Some(loading), ..Options::default() };
    let (platform, model) = (Platform::NativeCpu, preset.source());
    let load = Step::Load { slot: "a".into(), platform, model, options, work: Vec::new() };
    let Outcome::Loaded { measures, model, .. } = perform(load) else { panic!("not loaded") };
    assert!(measures.iter().any(|measure| measure.metric == "open_time"));
    fs::remove_file(preset.0.join("model.safetensors")).expect("removable");
    let step = || Step::Generate {
        slot: "a".into(),
        inputs: inputs(&model),
        decode: Decode::greedy(2),
        outputs: Vec::new(),
        reply: false,
    };
    let Outcome::Failed { kind, message } = perform(step()) else { panic!("not told") };
    assert_eq!(kind, FailureKind::Model);
    assert!(message.contains("model.safetensors: cannot be read"), "{message}");
    let Outcome::Failed { message, .. } = perform(step()) else { panic!("not told") };
    assert_eq!(message, "the weights did not arrive (hint: load the model again)");
    let Outcome::Unloaded { memory } = perform(Step::Unload { slot: "a".into() }) else { panic!("not unloaded") };
    assert_eq!((memory.total.live, memory.whole.live), (0, 0), "nothing stays");
}

#[test]
fn a_timeline_shows_the_peak_and_the_end() {
    let preset = Preset::of(Family::Bert, "timeline");
    for options in
        [Options::default(), Options { progressive_loading: Some(Progressive::default()), ..Options::default() }]
    {
        let run = run(Platform::NativeCpu, preset.source(), &options);
        let sums = || run.timeline.moments.iter().map(|moment| moment.bytes.iter().sum::<u64>());
        assert_eq!(sums().max(), Some(run.loaded.whole.peak.max(run.used.whole.peak)));
        assert_eq!(sums().next_back(), Some(run.used.whole.live));
        assert!(run.timeline.categories.contains(&"in_flight".to_owned()));
    }
}

#[test]
fn a_file_that_changes_is_told_and_nothing_stays() {
    let preset = Preset::of(Family::Bert, "changed");
    let file = preset.0.join("model.safetensors");
    pollster::block_on(async {
        let folder = Folder::new("", &preset.0.display().to_string());
        let length = folder.length("model.safetensors").await.expect("readable").expect("there");
        folder.range("model.safetensors", 0, 8).await.expect("as it was");
        let mut bytes = fs::read(&file).expect("readable");
        bytes.push(0);
        fs::write(&file, bytes).expect("writable");
        let error = folder.range("model.safetensors", 0, 8).await.err().expect("changed");
        assert_eq!(error.kind(), FailureKind::Model);
        let text = error.to_string();
        assert!(text.contains(&format!("changed while it was read: expected {length} bytes")), "{text}");
    });
}

#[test]
fn chunks_of_nothing_are_refused() {
    let mut host = Host::new("");
    let options = Options {
        progressive_loading: Some(Progressive { chunk_mb: Some(0), ..Progressive::default() }),
        ..Options::default()
    };
    let model = ModelSource::Synthetic { family: Family::Bert, size: Size::Tiny, seed: 1 };
    let step = Step::Load { slot: "a".into(), platform: Platform::NativeCpu, model, options, work: Vec::new() };
    let Outcome::Failed { message, .. } = pollster::block_on(host.perform(step)) else { panic!("not refused") };
    assert_eq!(message, "progressive_loading: nothing fits into 0 MB");
}

#[test]
fn a_model_three_times_the_budget_streams_and_gives_the_same_tokens() {
    let preset = Preset::of(Family::Llama, "streamed");
    for platform in platforms() {
        let whole = run(platform, preset.source(), &Options::default());
        let budget_mb = u32::try_from(whole.info.weight_bytes / 3_000_000).expect("small");
        let options = Options { streaming: Some(Streaming { budget_mb: Some(budget_mb) }), ..Options::default() };
        let streamed = run(platform, preset.source(), &options);
        assert!(streamed.outputs == whole.outputs, "{platform:?}: the same logits and tokens");
        let peak = streamed.loaded.whole.peak.max(streamed.used.whole.peak);
        println!("{platform:?}: weights {}, budget {budget_mb} MB, peak {peak}", whole.info.weight_bytes);
        assert!(peak <= u64::from(budget_mb) * 1_000_000, "{platform:?}: {peak} of {budget_mb} MB");
        assert!(whole.info.weight_bytes >= 3_000_000 * u64::from(budget_mb));
        assert!(streamed.measured("moved_bytes") > 3.0 * whole.info.weight_bytes as f64, "four passes");
    }
}

#[test]
fn streams_of_every_kind_of_model_give_the_same() {
    let families =
        [Family::Gpt2, Family::T5, Family::Llava, Family::Whisper, Family::Clip, Family::Resnet, Family::Bert];
    for family in families {
        let preset = Preset::of(family, "streams");
        for integer in [None, Some(Integer::bits(4))] {
            let whole =
                run(Platform::NativeCpu, preset.source(), &Options { integer: integer.clone(), ..Options::default() });
            let options = Options { streaming: Some(Streaming::default()), integer, ..Options::default() };
            for source in [preset.source(), preset.made_up()] {
                let streamed = run(Platform::NativeCpu, source, &options);
                assert!(streamed.outputs == whole.outputs, "{family:?}");
                let (held, all) = (streamed.used.categories["weights"].peak, whole.used.categories["weights"].peak);
                println!("{family:?}: weights {held} of {all}");
                assert!(held * 4 < all * 3, "{family:?}: {held} of {all}");
            }
        }
    }
}

#[test]
fn what_is_offloaded_comes_back_and_what_is_pinned_stays() {
    let preset = Preset::of(Family::Llama, "offloaded");
    for platform in platforms() {
        for integer in [None, Some(Integer::bits(4))] {
            let all = run(platform, preset.source(), &Options { integer: integer.clone(), ..Options::default() });
            let weights = all.info.weight_bytes;
            let others = all.used.total.peak - weights;
            let budget_mb = u32::try_from((weights * 2 / 3 + others).div_ceil(1_000_000)).expect("small");
            let offload = Offload { budget_mb: Some(budget_mb), pin: vec!["*norm*".into()] };
            let options = Options { cpu_offload: Some(offload), integer, ..Options::default() };
            let some = run(platform, preset.source(), &options);
            // On a GPU all used the helper that quantizes, where there is one.
            assert!(some.outputs == all.outputs, "{platform:?}: the same logits and tokens");
            let peak = some.loaded.total.peak.max(some.used.total.peak);
            println!("{platform:?}: weights {weights}, budget {budget_mb} MB, peak {peak}, {:?}", some.measures);
            assert!(peak <= u64::from(budget_mb) * 1_000_000, "{platform:?}: {peak} of {budget_mb} MB");
            assert!(some.loaded.categories["offloaded"].live > 0 && some.measured("weight_hits") > 0.0);
            assert!(some.measured("weight_misses") > 0.0 && some.measured("moved_bytes") > 0.0);
        }
    }
}

#[test]
fn a_budget_that_is_too_small_is_told() {
    let preset = Preset::of(Family::Llama, "small");
    let mut host = Host::new("");
    let options = Options { streaming: Some(Streaming { budget_mb: Some(1) }), ..Options::default() };
    let step = Step::Load {
        slot: "a".into(),
        platform: Platform::NativeCpu,
        model: preset.source(),
        options,
        work: Vec::new(),
    };
    assert!(matches!(pollster::block_on(host.perform(step)), Outcome::Loaded { .. }));
    let inputs = Tensors::from([("input_ids".to_owned(), matrix_engine::protocol::Tensor::i32(&[1, 2], vec![3, 4]))]);
    let decode = Decode::greedy(1);
    let step = Step::Generate { slot: "a".into(), inputs, decode, outputs: Vec::new(), reply: false };
    let Outcome::Failed { kind, message } = pollster::block_on(host.perform(step)) else { panic!("not refused") };
    assert_eq!(kind, FailureKind::OutOfMemory);
    assert!(message.contains("'model.embed_tokens.weight': the budget is too small: expected room for"), "{message}");
    assert!(message.ends_with("found a budget of 1000000 bytes (hint: raise `budget_mb`)"), "{message}");
    let both = Options {
        cpu_offload: Some(Offload::default()),
        ..Options { streaming: Some(Streaming::default()), ..Options::default() }
    };
    let step = Step::Load {
        slot: "a".into(),
        platform: Platform::NativeCpu,
        model: preset.source(),
        options: both,
        work: Vec::new(),
    };
    let Outcome::Failed { message, .. } = pollster::block_on(host.perform(step)) else { panic!("not refused") };
    assert_eq!(message, "streaming and cpu_offload both decide where weights are (hint: choose one of them)");
}

#[test]
fn workers_make_the_same_weights() {
    for family in [Family::Llava, Family::Gpt2, Family::Clip, Family::Clap] {
        let preset = Preset::of(family, "workers");
        for integer in [None, Some(Integer::bits(4)), Some(Integer { scheme: Scheme::Asymmetric, ..Integer::bits(8) })]
        {
            for f16 in [false, true] {
                let alone = Options { integer: integer.clone(), f16, ..Options::default() };
                let crew =
                    Options { parallel_loading: Some(Parallel { workers: Some(3), keep: false }), ..alone.clone() };
                let alone = run(Platform::NativeCpu, preset.source(), &alone);
                let crew = run(Platform::NativeCpu, preset.source(), &crew);
                assert!(crew.outputs == alone.outputs, "{family:?} {integer:?} {f16}");
                assert!(crew.info.warnings.is_empty(), "{:?}", crew.info.warnings);
                assert!(crew.loaded.whole.peak < alone.loaded.whole.peak, "{family:?}: what is on its way is bounded");
            }
        }
    }
}
