//! What a driver can rely on when a model continues text.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{Decode, FailureKind, Memory, ModelSource, Options, Outcome, Platform, Sampling, Step, Tensor, Tensors},
};

fn platforms() -> Vec<Platform> {
    let gpu = std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none().then_some(Platform::NativeGpu);
    std::iter::once(Platform::NativeCpu).chain(gpu).collect()
}

fn folder(family: &str) -> ModelSource {
    ModelSource::Folder { at: format!("{}/tests/reference/{family}", env!("CARGO_MANIFEST_DIR")) }
}

fn host(platform: Platform, model: ModelSource) -> Host {
    let mut host = Host::new("");
    let step = Step::Load { slot: "model".into(), platform, model, options: Options::default() };
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
    let mut host = host(Platform::NativeCpu, folder("llama"));
    let prompt = text(&[&[5, 17, 40], &[9, 3, 77]]);
    let (free, _) = generate(&mut host, &prompt, &Decode::greedy(8));
    let (first, second) = free.split_at(8);
    let decode = |stop: &[i32]| Decode { stop: stop.to_vec(), ..Decode::greedy(8) };
    let (stopped, _) = generate(&mut host, &prompt, &decode(&[first[2]]));
    let ended = first.iter().position(|&id| id == first[2]).expect("there");
    assert!(stopped[ended..8.min(stopped.len() / 2)].iter().all(|&id| id == first[2]), "{stopped:?}");
    let (both, _) = generate(&mut host, &prompt, &decode(&[first[0], second[0]]));
    assert_eq!(both, [first[0], second[0]]);
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
        let step = Step::Load { slot: "model".into(), platform, model: source, options };
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
