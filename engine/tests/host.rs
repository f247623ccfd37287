//! What a driver can rely on: slots that do not disturb each other, memory that adds up, clear refusals.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{Decode, FailureKind, Integer, Memory, ModelSource, Options, Outcome, Platform, Step, Tensor, Tensors},
};

fn load(host: &mut Host, slot: &str, platform: Platform, int4: bool) -> Memory {
    let options = Options { integer: int4.then(|| Integer::bits(4)), ..Options::default() };
    let model = ModelSource::Synthetic { family: Family::Roberta, size: Size::Tiny, seed: 5 };
    let outcome =
        pollster::block_on(host.perform(Step::Load { slot: slot.into(), platform, model, options, work: Vec::new() }));
    let Outcome::Loaded { memory, model, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(memory.categories["weights"].live, model.weight_bytes);
    memory
}

fn infer(host: &mut Host, slot: &str, length: usize, reply: bool) -> (Memory, Tensors) {
    let ids = (0..length).map(|i| (i * 37 % 4000) as i32 + 2).collect();
    let step = Step::Infer {
        slot: slot.into(),
        inputs: Tensors::from([("input_ids".to_owned(), Tensor::i32(&[1, length], ids))]),
        outputs: vec!["logits".into()],
        reply,
    };
    let outcome = pollster::block_on(host.perform(step));
    let Outcome::Inferred { memory, outputs, .. } = outcome else { panic!("{outcome:?}") };
    (memory, outputs)
}

fn unload(host: &mut Host, slot: &str) -> Memory {
    let outcome = pollster::block_on(host.perform(Step::Unload { slot: slot.into() }));
    let Outcome::Unloaded { memory } = outcome else { panic!("{outcome:?}") };
    memory
}

fn refusal(step: Step) -> (FailureKind, String) {
    match pollster::block_on(Host::new("").perform(step)) {
        Outcome::Failed { kind, message } => (kind, message),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn baseline_and_treatment_live_side_by_side() {
    let mut platforms = vec![Platform::NativeCpu];
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
        platforms.push(Platform::NativeGpu);
    }
    let mut answers = Vec::new();
    for platform in platforms {
        let mut host = Host::new("");
        let baseline = load(&mut host, "baseline", platform, false);
        let treatment = load(&mut host, "treatment", platform, true);
        assert!(treatment.total.live * 2 < baseline.total.live);
        let (first, outputs) = infer(&mut host, "baseline", 16, true);
        let (other, _) = infer(&mut host, "treatment", 16, false);
        // The passes are the same, the weights are not.
        let activations = |memory: &Memory| memory.categories["activations"];
        assert_eq!(activations(&first), activations(&other));
        assert_eq!(other.categories["weights"], treatment.categories["weights"]);
        // A longer pass takes the place of a shorter one, and the shorter one gives the same again.
        let (longer, none) = infer(&mut host, "baseline", 48, false);
        assert!(none.is_empty());
        assert!(activations(&longer).live > activations(&first).live);
        let (again, same) = infer(&mut host, "baseline", 16, true);
        assert_eq!((activations(&again).live, &same), (activations(&first).live, &outputs));
        assert_eq!(unload(&mut host, "baseline").total.live, 0);
        assert_eq!(infer(&mut host, "treatment", 16, false).0, other);
        answers.push(outputs["logits"].clone());
    }
    if let [cpu, gpu] = answers.as_slice() {
        let pairs = cpu.as_f32().expect("floats").iter().zip(gpu.as_f32().expect("floats"));
        assert!(pairs.map(|(c, g)| (c - g).abs()).fold(0.0, f32::max) < 1e-3);
    }
}

#[test]
fn what_this_host_lacks_is_unsupported() {
    for platform in [Platform::Webgpu, Platform::Wasm] {
        let (kind, message) = refusal(Step::Probe { platform });
        assert_eq!(kind, FailureKind::Unsupported);
        let expected = format!("this host has no platform '{}': expected native-gpu or native-cpu", platform.name());
        assert_eq!(message, expected);
    }
    let step = Step::Infer { slot: "gone".into(), inputs: Tensors::new(), outputs: vec![], reply: false };
    assert_eq!(refusal(step), (FailureKind::Internal, "no model is loaded in this slot: found 'gone'".into()));
}

#[test]
fn devices_describe_themselves() {
    let mut host = Host::new("");
    let mut probe = |platform| match pollster::block_on(host.perform(Step::Probe { platform })) {
        Outcome::Probed { device } => device,
        other => panic!("{other:?}"),
    };
    assert_eq!(probe(Platform::NativeCpu).kind, "cpu");
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
        let gpu = probe(Platform::NativeGpu);
        assert_eq!(gpu.kind, "gpu");
        assert!(!gpu.description.is_empty() && gpu.limits["maxBufferSize"] > 0);
        let named = gpu.description.to_lowercase();
        assert_eq!(gpu.software, named.contains("llvmpipe") || named.contains("swiftshader"), "{gpu:?}");
    }
}

#[test]
fn operations_are_timed_by_themselves_and_leave_no_trace() {
    let mut platforms = vec![(Platform::NativeCpu, "wall")];
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
        platforms.push((Platform::NativeGpu, "gpu"));
    }
    for (platform, clock) in platforms {
        let mut host = Host::new("");
        for (family, decode) in [(Family::Roberta, None), (Family::Llama, Some(Decode::greedy(3)))] {
            let model = ModelSource::Synthetic { family, size: Size::Tiny, seed: 5 };
            let slot = || "model".to_owned();
            let load = Step::Load { slot: slot(), platform, model, options: Options::default(), work: Vec::new() };
            let Outcome::Loaded { memory: loaded, .. } = pollster::block_on(host.perform(load)) else {
                panic!("loads")
            };
            let inputs = Tensors::from([("input_ids".to_owned(), Tensor::i32(&[1, 6], (5..11).collect()))]);
            let outputs = if decode.is_none() { vec!["logits".to_owned()] } else { Vec::new() };
            let step = Step::Trace { slot: slot(), inputs, outputs, decode: decode.clone() };
            let outcome = pollster::block_on(host.perform(step));
            let Outcome::Traced { operations } = outcome else { panic!("{outcome:?}") };
            let passes: Vec<&str> = if decode.is_none() { vec!["infer"] } else { vec!["prefill", "token"] };
            for pass in passes {
                let of: Vec<_> = operations.iter().filter(|operation| operation.pass == pass).collect();
                assert!(of.iter().any(|operation| operation.kernel.contains("Linear")), "{pass}: {of:?}");
                assert!(of.iter().any(|operation| operation.count > 1), "{of:?}");
                assert!(of.iter().all(|operation| operation.ms >= 0.0 && operation.clock == clock), "{of:?}");
                assert!(of.iter().map(|operation| operation.ms).sum::<f64>() > 0.0, "{of:?}");
                assert!(of.is_sorted_by(|a, b| a.ms >= b.ms));
            }
            // Everything that was made for it is gone.
            let gone = Step::Trace { slot: "gone".into(), inputs: Tensors::new(), outputs: Vec::new(), decode: None };
            assert!(matches!(pollster::block_on(host.perform(gone)), Outcome::Failed { .. }));
            let left = unload(&mut host, "model");
            assert_eq!((left.total.live, loaded.total.live > 0), (0, true));
        }
    }
}
