//! Attention without a matrix of scores.

use matrix_engine::graph::{Attend, AttentionRule, Flash, Span};
use matrix_engine::protocol::{FlashAttention, Options, Precision};

use super::*;

/// Flash attention with tiles of this size.
fn flash(block_size: Option<u32>) -> Options {
    Options { flash_attention: Some(FlashAttention { block_size, ..FlashAttention::default() }), ..Options::default() }
}

/// The same with tiles of 16-bit floats.
fn halves() -> Options {
    let precision = Precision::F16;
    Options { flash_attention: Some(FlashAttention { precision, ..FlashAttention::default() }), ..Options::default() }
}

fn ints(name: &str, shape: &[usize], value: impl Fn(usize) -> i32) -> (String, Tensor) {
    (name.to_owned(), Tensor::i32(shape, (0..shape.iter().product()).map(value).collect()))
}

/// Every device, and the GPU as if it had little memory for workgroups.
fn check() -> Check {
    let mut check = Check::new();
    if !check.gpus.is_empty() {
        let gpu = pollster::block_on(Gpu::open()).expect("a GPU adapter");
        let capability = Capability { software: false, workgroup_bytes: 16384, ..gpu.capability() };
        check.gpus.push(Device::Gpu(Rc::new(gpu.pretending(capability))));
    }
    check
}

impl Check {
    /// Both must compute the same: the graph as it is on the plain forms, and fused on every device.
    fn fused(&mut self, name: &str, build: &dyn Fn() -> (Graph, Value), options: &Options, inputs: &Tensors) {
        let (mut graph, result) = build();
        graph.output("result", result);
        let plain = Plan::new(&graph, &["result".to_owned()]).expect("plans");
        let want = reference(&plain, &[], inputs);
        let (mut graph, result) = build();
        graph.output("result", result);
        graph.optimize(options).expect("fits");
        let result = graph.named("result").expect("is named");
        let fused = Plan::new(&graph, &["result".to_owned()]).expect("plans");
        assert!(fused.steps.len() < plain.steps.len(), "{name}: nothing was fused");
        let got = reference(&fused, &[], inputs);
        let scale = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-5 * scale, "{name}: {worst:.2e} of {scale:.2e}");
        self.run(name, graph, result, &[], inputs);
    }
}

#[test]
fn encoders_with_padding_and_added_biases() {
    let mut check = check();
    for ([batch, queries, keys], heads, width) in [
        ([2, 9, 9], 2, 3),
        ([3, 31, 31], 1, 7),
        ([2, 32, 32], 2, 64),
        ([1, 33, 70], 3, 20),
        ([4, 65, 64], 2, 33),
        ([2, 63, 130], 1, 128),
        ([1, 64, 63], 2, 80),
        ([2, 66, 1], 1, 256),
        ([2, 1, 1], 2, 5),
        ([1, 7, 771], 2, 24),
    ] {
        for (masked, windows, causal) in [(true, 0, false), (false, 1, false), (true, batch, false), (false, 0, true)] {
            let build = || {
                let mut graph = Graph::new();
                let q = graph.input("q", &[batch, queries, heads * width], Element::F32);
                let [k, v] = ["k", "v"].map(|name| graph.input(name, &[batch, keys, heads * width], Element::F32));
                let mask = masked.then(|| graph.input("mask", &[batch, keys], Element::I32));
                let bias = graph.input("bias", &[windows.max(1), heads, queries, keys], Element::F32);
                let rule = AttentionRule { mask, bias: (windows > 0).then_some(bias), causal };
                let y = graph.attention_by([q, k, v], heads, &rule).expect("fits");
                (graph, y)
            };
            let inputs = [
                floats("q", &[batch, queries, heads * width]),
                floats("k", &[batch, keys, heads * width]),
                floats("v", &[batch, keys, heads * width]),
                floats("bias", &[windows.max(1), heads, queries, keys]),
                mask(batch, keys),
            ];
            // With more causal queries than keys the first ones see nothing, which plain attention has no word for.
            if causal && queries > keys {
                continue;
            }
            for block in [None, Some(32)] {
                let name = format!("{batch} {queries} {keys} {heads} {width} {masked} {windows} {causal} {block:?}");
                check.fused(&name, &build, &flash(block), &inputs.clone().into());
            }
        }
    }
}

#[test]
fn decoders_over_a_pass_or_a_cache() {
    let mut check = check();
    // batch, length, past, capacity, heads, kv heads, width
    for [batch, length, past, capacity, heads, kv, width] in [
        [2, 9, 4, 20, 4, 2, 5],
        [3, 17, 0, 17, 6, 1, 12],
        [1, 63, 3, 80, 3, 3, 20],
        [2, 64, 1, 70, 8, 2, 64],
        [1, 65, 64, 200, 4, 4, 31],
        [1, 130, 0, 131, 2, 1, 128],
        [2, 9, 120, 130, 8, 2, 16],
        // A few queries, whose keys may be looked at in parts.
        [3, 1, 6, 8, 6, 3, 12],
        [1, 1, 0, 600, 4, 1, 64],
        [2, 1, 511, 512, 8, 2, 128],
        [1, 2, 700, 1100, 14, 2, 7],
        [2, 8, 520, 528, 3, 3, 80],
        [1, 3, 1021, 1024, 2, 1, 256],
        // More parts than are joined at once, of which each is looked at more than once.
        [1, 2, 1500, 1600, 2, 1, 150],
    ] {
        for (causal, biased) in [(true, false), (true, true), (false, true), (false, false)] {
            let keys = if causal { capacity } else { length };
            let past = if causal { past } else { 0 };
            let build = || {
                let mut graph = Graph::new();
                let q = graph.input("q", &[batch, length, heads * width], Element::F32);
                let start = graph.input("past", &[1], Element::I32);
                let [k, v] = ["k", "v"].map(|name| {
                    let x = graph.input(name, &[batch, length, kv * width], Element::F32);
                    if !causal {
                        return x;
                    }
                    let cache = graph.input(&format!("{name} cache"), &[batch, kv, capacity, width], Element::F32);
                    graph.append(cache, x, start).expect("fits")
                });
                let mask = graph.input("mask", &[batch, keys], Element::I32);
                let bias = graph.input("bias", &[11, heads], Element::F32);
                let bias = biased.then_some(bias);
                let how = Attend { heads, kv_heads: kv, scale: 0.4, causal, mask, past: start, bias };
                let y = graph.attend(q, k, v, &how).expect("fits");
                (graph, y)
            };
            let inputs = [
                floats("q", &[batch, length, heads * width]),
                floats("k", &[batch, length, kv * width]),
                floats("v", &[batch, length, kv * width]),
                floats("k cache", &[batch, kv, capacity, width]),
                floats("v cache", &[batch, kv, capacity, width]),
                floats("bias", &[11, heads]),
                mask(batch, keys),
                ints("past", &[1], |_| past as i32),
            ];
            let name = format!("{batch} {length} {past} {keys} {heads} {kv} {width} {causal} {biased}");
            let inputs = inputs.into();
            check.fused(&name, &build, &flash(None), &inputs);
            // Tiles are for more queries.
            if length > 8 {
                check.rounds = true;
                check.fused(&format!("{name} halves"), &build, &halves(), &inputs);
                check.rounds = false;
            }
        }
    }
}

/// What parts were joined to is packed there, for a layer that reads it.
#[test]
fn layers_behind_joined_parts() {
    let mut check = Check::new();
    for [length, keys, heads, kv, width] in
        [[1, 600, 4, 1, 64], [2, 300, 3, 3, 32], [1, 520, 2, 1, 128], [1, 400, 6, 2, 20], [3, 200, 1, 1, 256]]
    {
        let hidden = heads * width;
        let weights = [Known::integer("out", hidden, hidden, (4, 32, true))];
        let mut graph = Graph::new();
        let q = graph.input("q", &[1, length, hidden], Element::F32);
        let [k, v] = ["k", "v"].map(|name| graph.input(name, &[1, kv, keys, width], Element::F32));
        let mask = graph.input("mask", &[1, keys], Element::I32);
        let past = graph.input("past", &[1], Element::I32);
        let how = Attend { heads, kv_heads: kv, scale: 0.4, causal: true, mask, past, bias: None };
        let joined = graph.attend(q, k, v, &how).expect("fits");
        let y = graph.project(joined, &param(0, &[hidden, hidden]), None).expect("fits");
        // What was packed is read as it was, too.
        let y = graph.add(y, joined).expect("fits");
        graph.output("y", y);
        graph.optimize(&flash(None)).expect("fits");
        let y = graph.named("y").expect("is named");
        let inputs = [
            floats("q", &[1, length, hidden]),
            floats("k", &[1, kv, keys, width]),
            floats("v", &[1, kv, keys, width]),
            ints("mask", &[1, keys], |_| 1),
            ints("past", &[1], |_| (keys - length) as i32),
        ];
        check.run(&format!("joined {length} {keys} {heads} {kv} {width}"), graph, y, &weights, &inputs.into());
    }
}

/// Attention of one sequence with a pattern, over keys of which some are not numbers.
fn sparse(
    check: &mut Check,
    name: &str,
    flash: &Flash,
    length: usize,
    blocks: Option<&[i32]>,
    dead: &dyn Fn(usize) -> bool,
) {
    let width = 12;
    let shape = [1, length, width];
    let mut graph = Graph::new();
    let mut operands = ["q", "k", "v"].map(|name| graph.input(name, &shape, Element::F32)).to_vec();
    let mut inputs = Tensors::from(["q", "k", "v"].map(|name| floats(name, &shape)));
    for name in ["k", "v"] {
        let mut values = bell(name, length * width);
        for (index, value) in values.iter_mut().enumerate() {
            *value = if dead(index / width) { f32::NAN } else { *value };
        }
        inputs.insert(name.to_owned(), Tensor::f32(&shape, values));
    }
    if let (Some(side), Some(blocks)) = (flash.blocks, blocks) {
        let across = length.div_ceil(side);
        operands.push(graph.input("blocks", &[across, across], Element::I32));
        inputs.insert("blocks".to_owned(), Tensor::i32(&[across, across], blocks.to_vec()));
    }
    let y = graph.flash(flash, operands.into_iter().map(Into::into).collect()).expect("fits");
    check.run(name, graph, y, &[], &inputs);
}

#[test]
fn what_a_pattern_skips_is_never_read() {
    let mut check = check();
    let plain = Flash { heads: 1, kv_heads: 1, scale: 0.3, ..Flash::default() };
    let span = |keys, sinks| Some(Span { keys, sinks });
    for length in [64, 200, 257] {
        for causal in [true, false] {
            for (keys, sinks) in [(1, 0), (5, 3), (64, 4), (70, 65)] {
                let how = Flash { causal, window: span(keys, sinks), ..plain };
                sparse(&mut check, &format!("window {length} {causal} {keys} {sinks}"), &how, length, None, &|_| false);
            }
        }
        // Every query sees its own block, the first and none else; block 2 is seen by nobody.
        let across = length.div_ceil(64);
        let seen = |i: usize, j: usize| j != 2 && (i == j || j == 0);
        let blocks: Vec<i32> = (0..across * across).map(|at| i32::from(seen(at / across, at % across))).collect();
        let how = Flash { blocks: Some(64), ..plain };
        sparse(&mut check, &format!("blocks {length}"), &how, length, Some(&blocks), &|key| key / 64 == 2);
    }
}

#[test]
fn activations_do_not_grow_with_the_square() {
    let (length, heads, kv_heads, width) = (4096, 8, 2, 64);
    let peak = |options: &Options| {
        let mut graph = Graph::new();
        let q = graph.input("q", &[1, length, heads * width], Element::F32);
        let [k, v] = ["k", "v"].map(|name| graph.input(name, &[1, length, kv_heads * width], Element::F32));
        let mask = graph.input("mask", &[1, length], Element::I32);
        let past = graph.input("past", &[1], Element::I32);
        let how = Attend { heads, kv_heads, scale: 0.125, causal: true, mask, past, bias: None };
        let y = graph.attend(q, k, v, &how).expect("fits");
        graph.output("result", y);
        graph.optimize(options).expect("fits");
        let plan = Plan::new(&graph, &["result".to_owned()]).expect("plans");
        let space = Space::new(Device::Cpu);
        let _program = pollster::block_on(Program::new(plan, &[], &space)).expect("fits");
        space.memory().categories["activations"].peak
    };
    let (plain, fused) = (peak(&Options::default()), peak(&flash(None)));
    assert!(fused * 20 <= plain, "{fused} of {plain} bytes");
}
