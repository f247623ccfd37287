//! What a driver can rely on when a model continues text.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{
        Decode, FailureKind, FlashAttention, KvCache, Memory, ModelSource, Options, Outcome, Platform, Prune,
        PrunePolicy, Sampling, Step, Tensor, Tensors,
    },
};

fn platforms() -> Vec<Platform> {
    let gpu = std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none().then_some(Platform::NativeGpu);
    std::iter::once(Platform::NativeCpu).chain(gpu).collect()
}

fn folder(family: &str) -> ModelSource {
    ModelSource::Folder { at: format!("{}/tests/reference/{family}", env!("CARGO_MANIFEST_DIR")) }
}

fn host(platform: Platform, model: ModelSource) -> Host {
    with(platform, model, Options::default())
}

fn with(platform: Platform, model: ModelSource, options: Options) -> Host {
    let mut host = Host::new("");
    let step = Step::Load { slot: "model".into(), platform, model, options, work: Vec::new() };
    let outcome = pollster::block_on(host.perform(step));
    assert!(matches!(outcome, Outcome::Loaded { .. }), "{outcome:?}");
    host
}

fn perform(host: &mut Host, inputs: &Tensors, decode: &Decode) -> Outcome {
    let (inputs, decode) = (inputs.clone(), decode.clone());
    pollster::block_on(host.perform(Step::Generate {
        slot: "model".into(),
        inputs,
        decode,
        outputs: vec![],
        reply: true,
    }))
}

fn generate(host: &mut Host, inputs: &Tensors, decode: &Decode) -> (Vec<i32>, Memory) {
    match perform(host, inputs, decode) {
        Outcome::Generated { tokens, memory, measures, .. } => {
            let value = |metric: &str| measures.iter().find(|m| m.metric == metric).map(|m| m.value);
            assert_eq!(value("decode_tokens"), Some(tokens.shape[1] as f64 - 1.0));
            assert!(value("time_to_first_token") >= value("prefill_time"));
            (tokens.as_i32().expect("ids").to_vec(), memory)
        }
        other => panic!("not generated: {other:?}"),
    }
}

fn text(rows: &[&[i32]]) -> Tensors {
    let shape = [rows.len(), rows[0].len()];
    let ids = Tensor::i32(&shape, rows.concat().iter().map(|&id| id.max(0)).collect());
    let mask = Tensor::i32(&shape, rows.concat().iter().map(|&id| i32::from(id >= 0)).collect());
    Tensors::from([("input_ids".to_owned(), ids), ("attention_mask".to_owned(), mask)])
}

#[test]
fn padding_on_either_side_changes_nothing() {
    for platform in platforms() {
        for family in ["gpt2", "llama", "qwen2"] {
            let mut host = host(platform, folder(family));
            let decode = Decode::greedy(8);
            let short = generate(&mut host, &text(&[&[5, 17, 40]]), &decode).0;
            let long = generate(&mut host, &text(&[&[9, 3, 77, 21, 60]]), &decode).0;
            for row in [[-1, -1, 5, 17, 40], [5, 17, 40, -1, -1]] {
                let both = generate(&mut host, &text(&[&row, &[9, 3, 77, 21, 60]]), &decode).0;
                assert_eq!(both, [short.clone(), long.clone()].concat(), "{family} {row:?} on {}", platform.name());
            }
        }
        let mut host = host(platform, folder("t5"));
        let decode = Decode::greedy(6);
        let short = generate(&mut host, &text(&[&[5, 17, 40]]), &decode).0;
        let both = generate(&mut host, &text(&[&[5, 17, 40, -1], &[8, 30, 2, 1]]), &decode).0;
        assert_eq!(both[..6], short);
    }
}

#[test]
fn the_cache_is_counted_and_a_shape_seen_before_needs_nothing_new() {
    for platform in platforms() {
        let mut host = host(platform, folder("llama"));
        let (first, memory) = generate(&mut host, &text(&[&[5, 17, 40]]), &Decode::greedy(8));
        // Two layers, keys and values, two heads of 16, ten rows.
        assert_eq!(memory.categories["kv"].live, 2 * 2 * 2 * 16 * 10 * 4);
        let (again, same) = generate(&mut host, &text(&[&[5, 17, 40]]), &Decode::greedy(8));
        assert_eq!((first, memory.total.live), (again, same.total.live));
        assert_eq!(same.total.peak, same.total.live, "a second generation makes no buffers");
    }
}

#[test]
fn a_stop_id_ends_a_sequence_and_all_of_them_the_generation() {
    let prompt = text(&[&[5, 17, 40], &[9, 3, 77]]);
    for platform in platforms() {
        let mut host = host(platform, folder("llama"));
        let (free, _) = generate(&mut host, &prompt, &Decode::greedy(8));
        let (first, second) = free.split_at(8);
        let decode = |stop: &[i32]| Decode { stop: stop.to_vec(), ..Decode::greedy(8) };
        let (stopped, _) = generate(&mut host, &prompt, &decode(&[first[2]]));
        let ended = first.iter().position(|&id| id == first[2]).expect("there");
        assert!(stopped[ended..8.min(stopped.len() / 2)].iter().all(|&id| id == first[2]), "{stopped:?}");
        let (both, _) = generate(&mut host, &prompt, &decode(&[first[0], second[0]]));
        assert_eq!(both, [first[0], second[0]]);
        // A GPU was told of passes that nobody waited for.
        let (early, _) = generate(&mut host, &prompt, &decode(&[first[1], second[1]]));
        assert_eq!(early.len(), 4, "{early:?}");
        assert_eq!(generate(&mut host, &prompt, &Decode::greedy(8)).0, free);
    }
}

#[test]
fn forced_ids_are_followed_whatever_is_chosen() {
    let prompt = text(&[&[5, 17, 40], &[9, 3, 77]]);
    for platform in platforms() {
        let mut host = host(platform, folder("llama"));
        let mut logits = |forced: &[&[i32]], max_tokens| {
            let forced = forced.iter().map(|row| row.to_vec()).collect();
            let decode = Decode { step_logits: true, forced, ..Decode::greedy(max_tokens) };
            let Outcome::Generated { outputs, tokens, .. } = perform(&mut host, &prompt, &decode) else {
                panic!("not generated")
            };
            (tokens.as_i32().expect("ids").to_vec(), outputs["step_logits"].as_f32().expect("floats").to_vec())
        };
        let (free, expected) = logits(&[], 4);
        let (ids, same) = logits(&[&free[..4], &free[4..]], 4);
        assert_eq!((&ids, &same), (&free, &expected), "forced on the way it takes by itself");
        let other: Vec<i32> = free.iter().map(|id| (id + 1) % 50).collect();
        let (ids, changed) = logits(&[&other[..4], &other[4..]], 4);
        assert_eq!(ids, other);
        assert_ne!(changed, expected);
        let (short, _) = logits(&[&other[..1], &other[4..5]], 4);
        assert_eq!((short[0], short[4], short.len()), (other[0], other[4], 8), "then it goes on by itself");
    }
}

#[test]
fn a_seed_gives_the_same_ids_everywhere_and_other_seeds_others() {
    let sampled = |seed, top_k, top_p| Decode {
        sampling: Sampling::Random { temperature: 0.9, top_k, top_p, seed },
        ..Decode::greedy(10)
    };
    let prompt = text(&[&[5, 17, 40], &[9, 3, 77]]);
    let mut answers = Vec::new();
    for platform in platforms() {
        let mut host = host(platform, folder("gpt2"));
        let (first, _) = generate(&mut host, &prompt, &sampled(1, 0, 1.0));
        assert_eq!(generate(&mut host, &prompt, &sampled(1, 0, 1.0)).0, first);
        assert_ne!(generate(&mut host, &prompt, &sampled(2, 0, 1.0)).0, first);
        let (greedy, _) = generate(&mut host, &prompt, &Decode::greedy(10));
        assert_eq!(generate(&mut host, &prompt, &sampled(3, 1, 1.0)).0, greedy);
        assert_eq!(generate(&mut host, &prompt, &sampled(3, 0, 1e-6)).0, greedy);
        answers.push((first, generate(&mut host, &prompt, &sampled(4, 5, 0.8)).0));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[test]
fn what_cannot_be_generated_is_refused() {
    let mut gpt2 = host(Platform::NativeCpu, folder("gpt2"));
    let mut refusal = |inputs: Tensors, decode: Decode| match perform(&mut gpt2, &inputs, &decode) {
        Outcome::Failed { kind: FailureKind::Model, message } => message,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(
        refusal(text(&[&[1, 2, 3]]), Decode::greedy(63)),
        "decode.max_tokens: unusable value: expected 1 to 62, for 64 positions and a prompt of 3, found 63"
    );
    assert_eq!(refusal(text(&[&[-1, -1]]), Decode::greedy(1)), "attention_mask: nothing but padding in a sequence");
    let sampling = Sampling::Random { temperature: 0.0, top_k: 0, top_p: 1.0, seed: 0 };
    assert_eq!(
        refusal(text(&[&[1]]), Decode { sampling, ..Decode::greedy(1) }),
        "decode.sampling.temperature: unusable value: expected more than 0, found 0"
    );
    let forced = vec![vec![1]; 2];
    assert_eq!(
        refusal(text(&[&[1]]), Decode { forced, ..Decode::greedy(1) }),
        "decode.forced: unusable value: expected 1 rows, one for each sequence, found 2"
    );
    let mut bert = host(Platform::NativeCpu, folder("bert"));
    let outcome = perform(&mut bert, &text(&[&[1]]), &Decode::greedy(1));
    let Outcome::Failed { kind: FailureKind::Unsupported, message } = outcome else { panic!("{outcome:?}") };
    assert_eq!(message, "this model does not continue text");
}

#[test]
fn synthetic_models_of_every_family_say_something() {
    use Family::{Gpt2, Llama, Llava, LlavaNext, Qwen2, T5, Whisper};
    for family in [Gpt2, Llama, Qwen2, T5, Whisper, Llava, LlavaNext] {
        let source = ModelSource::Synthetic { family, size: Size::Tiny, seed: 1 };
        let mut host = Host::new("");
        let (platform, options) = (Platform::NativeCpu, Options::default());
        let step = Step::Load { slot: "model".into(), platform, model: source, options, work: Vec::new() };
        let outcome = pollster::block_on(host.perform(step));
        let Outcome::Loaded { model, .. } = outcome else { panic!("{family:?}: {outcome:?}") };
        let inputs = model.inputs.iter().map(|input| (input.name.clone(), input.sample(7))).collect();
        let decode = Decode { step_logits: true, ..Decode::greedy(4) };
        let Outcome::Generated { outputs, .. } = perform(&mut host, &inputs, &decode) else { panic!("{family:?}") };
        for row in outputs["step_logits"].as_f32().expect("floats").chunks(4096) {
            let mean = row.iter().sum::<f32>() / 4096.0;
            let deviation = (row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 4096.0).sqrt();
            assert!(deviation > 0.1 && deviation < 10.0, "{family:?}: {deviation}");
        }
    }
}

fn kept(kv: KvCache) -> Options {
    Options { kv_cache: Some(kv), ..Options::default() }
}

/// Sizes of the model `llama` of the reference: two layers, keys and values, two heads.
const ROWS_OF_LLAMA: u64 = 2 * 2 * 2;

#[test]
fn fewer_bits_and_fewer_rows_are_counted() {
    let long: Vec<i32> = (0..40).map(|i| i * 7 % 50 + 3).collect();
    let f32 = KvCache { bits: None, ..KvCache::default() };
    for platform in platforms() {
        let bytes = |kv: KvCache, tokens: u32| {
            let mut host = with(platform, folder("llama"), kept(kv));
            let (_, memory) = generate(&mut host, &text(&[&long]), &Decode::greedy(tokens));
            let again = generate(&mut host, &text(&[&long]), &Decode::greedy(tokens)).1;
            assert_eq!(again.total.peak, memory.total.live, "a second generation makes no buffers");
            memory.categories["kv"].live
        };
        assert_eq!(bytes(f32.clone(), 8), ROWS_OF_LLAMA * 47 * 16 * 4);
        assert_eq!(bytes(KvCache { bits: Some(8), ..f32.clone() }, 8), ROWS_OF_LLAMA * 47 * 5 * 4);
        assert_eq!(bytes(KvCache { bits: Some(4), ..f32.clone() }, 8), ROWS_OF_LLAMA * 47 * 3 * 4);
        // A window holds the same however long the text becomes.
        let window = KvCache { window: Some(12), ..f32.clone() };
        assert_eq!(bytes(window.clone(), 2), ROWS_OF_LLAMA * 12 * 16 * 4);
        assert_eq!(bytes(window, 8 * 12), ROWS_OF_LLAMA * 12 * 16 * 4);
        // Half of the prompt, what follows it, and per layer and head the places of what stayed.
        let prune = Some(Prune { policy: PrunePolicy::Importance, keep_percent: 50 });
        let pruned = KvCache { prune, ..f32.clone() };
        assert_eq!(bytes(pruned.clone(), 8), ROWS_OF_LLAMA * 27 * 16 * 4 + 2 * 2 * 20 * 4);
        let all = KvCache { bits: Some(4), window: Some(24), ..pruned };
        assert_eq!(bytes(all, 60), ROWS_OF_LLAMA * 24 * 3 * 4 + 2 * 2 * 12 * 4);
    }
}

#[test]
fn four_bits_are_less_than_a_third_of_halves() {
    // Heads of 64, as in Llama-3.2-1B: the smallest that are common.
    let stored = matrix_engine::graph::Stored::Bits4;
    for width in [64, 80, 128, 256] {
        assert!(10 * stored.words(width) * 4 <= 3 * width * 2, "{width}");
    }
}

/// Logits of every step when the ids are given.
fn forced(host: &mut Host, prompt: &[i32], ids: &[i32]) -> Vec<Vec<f32>> {
    let decode = Decode { step_logits: true, forced: vec![ids.to_vec()], ..Decode::greedy(ids.len() as u32) };
    let Outcome::Generated { outputs, .. } = perform(host, &text(&[prompt]), &decode) else { panic!("not generated") };
    let logits = &outputs["step_logits"];
    logits.as_f32().expect("floats").chunks(logits.shape[2]).map(<[f32]>::to_vec).collect()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    let scale = b.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale
}

#[test]
fn what_is_kept_gives_the_logits_of_a_whole_pass() {
    let ids: Vec<i32> = (0..30).map(|i| i * 11 % 50 + 3).collect();
    let prune = |policy| Some(Prune { policy, keep_percent: 100 });
    for platform in platforms() {
        for family in ["llama", "gpt2", "t5"] {
            for flash in [false, true] {
                for (kv, allowed) in [
                    (KvCache { bits: None, ..KvCache::default() }, 1e-4),
                    (KvCache { bits: Some(8), ..KvCache::default() }, 5e-2),
                    (KvCache { bits: None, window: Some(9), sinks: 2, prune: None }, 1e-4),
                    (KvCache { bits: None, prune: prune(PrunePolicy::Importance), ..KvCache::default() }, 1e-4),
                    (KvCache { bits: None, prune: prune(PrunePolicy::Recency), ..KvCache::default() }, 1e-4),
                    (KvCache { bits: None, prune: prune(PrunePolicy::Frequency), ..KvCache::default() }, 1e-4),
                ] {
                    let flash_attention = flash.then(FlashAttention::default);
                    let mut host = with(platform, folder(family), Options { flash_attention, ..kept(kv.clone()) });
                    if family == "t5" {
                        // The decoder starts from one id, so only a forced way can be compared with itself.
                        let mut plain = self::host(platform, folder(family));
                        if kv.window.is_none() {
                            let (got, want) =
                                (forced(&mut host, &ids[..7], &ids[..12]), forced(&mut plain, &ids[..7], &ids[..12]));
                            for (step, (got, want)) in got.iter().zip(&want).enumerate() {
                                let off = distance(got, want);
                                assert!(off < allowed, "{family} {kv:?} step {step} on {}: {off}", platform.name());
                            }
                        }
                        continue;
                    }
                    let got = forced(&mut host, &ids[..12], &ids[12..28]);
                    for step in [0, 1, 5, 15] {
                        // The same text as a prompt: nothing comes out of a cache.
                        let want = forced(&mut host, &ids[..12 + step], &ids[12 + step..13 + step]);
                        let off = distance(&got[step], &want[0]);
                        assert!(off < allowed, "{family} {kv:?} step {step} on {}: {off}", platform.name());
                    }
                }
            }
        }
    }
}

#[test]
fn what_a_cache_cannot_follow_is_refused() {
    let refused = |family: &str, kv: KvCache| {
        let mut host = Host::new("");
        let (platform, model) = (Platform::NativeCpu, folder(family));
        let step = Step::Load { slot: "model".into(), platform, model, options: kept(kv), work: Vec::new() };
        match pollster::block_on(host.perform(step)) {
            Outcome::Failed { kind, message } => (kind, message),
            other => panic!("not refused: {other:?}"),
        }
    };
    let (kind, message) = refused("bert", KvCache::default());
    assert_eq!(kind, FailureKind::Unsupported);
    assert_eq!(message, "kv_cache: this model keeps no keys and values");
    let (_, message) = refused("llama", KvCache { window: Some(3), ..KvCache::default() });
    assert_eq!(
        message,
        "kv_cache.window: unusable value: expected more than the 4 sinks, which are part of it, found 3"
    );
}
