//! The operations of decoders.

use matrix_engine::graph::{Attend, Sampling};

use super::*;

fn ints(name: &str, shape: &[usize], value: impl Fn(usize) -> i32) -> (String, Tensor) {
    (name.to_owned(), Tensor::i32(shape, (0..shape.iter().product()).map(value).collect()))
}

#[test]
fn norms_products_and_parts() {
    let mut check = Check::new();
    for [batch, length, width] in AWKWARD.into_iter().chain([[1, 1, 1200], [1, 2, 2100]]) {
        let shape = [batch, length, width];
        let inputs: Tensors =
            [floats("a", &shape), floats("b", &shape), ints("rows", &[batch], |i| (i * 7 % length) as i32)].into();
        let weights = [Known::F32(bell("scale", width))];
        let mut graph = Graph::new();
        let [a, b] = ["a", "b"].map(|name| graph.input(name, &shape, Element::F32));
        let rows = graph.input("rows", &[batch], Element::I32);
        let norm = graph.rms_norm(a, &param(0, &[width]), 1e-6).expect("fits");
        let product = graph.multiply(norm, b).expect("fits");
        let scaled = graph.scale(product, -0.3).expect("fits");
        let row = graph.take_row(scaled, rows).expect("fits");
        let y = graph.columns(row, width / 3, width - width / 3).expect("fits");
        check.run(&format!("norm to columns {batch} {length} {width}"), graph, y, &weights, &inputs);
    }
}

#[test]
fn linear_layers_without_bias() {
    let mut check = Check::new();
    for [rows, outputs, inputs] in AWKWARD {
        let weights = [Known::F32(bell("weight", outputs * inputs))];
        let mut graph = Graph::new();
        let x = graph.input("x", &[1, rows, inputs], Element::F32);
        let y = graph.project(x, &param(0, &[outputs, inputs]), Some(Activation::Silu)).expect("fits");
        let name = format!("no bias {rows} {outputs} {inputs}");
        check.run(&name, graph, y, &weights, &Tensors::from([floats("x", &[1, rows, inputs])]));
    }
}

/// What a norm or a product made is packed where it is made, for all that read it.
#[test]
fn layers_of_packed_norms_and_products() {
    let mut check = Check::new();
    for [rows, outputs, inputs] in AWKWARD.into_iter().chain([[1, 130, 1154], [2, 70, 2100]]) {
        for kind in [(4, 32, true), (8, 64, false)] {
            let weights = [
                Known::F32(bell("scale", inputs)),
                Known::F32(bell("shift", inputs)),
                Known::integer("gate", outputs, inputs, kind),
                Known::integer("up", outputs, inputs, kind),
                Known::integer("down", inputs, outputs, kind),
            ];
            for rms in [true, false] {
                let mut graph = Graph::new();
                let x = graph.input("x", &[1, rows, inputs], Element::F32);
                let scale = param(0, &[inputs]);
                let norm = if rms {
                    graph.rms_norm(x, &scale, 1e-5)
                } else {
                    graph.layer_norm(x, Some(x), &scale, &param(1, &[inputs]), 1e-5)
                };
                let norm = norm.expect("fits");
                let [gate, up] =
                    [2, 3].map(|id| graph.project(norm, &param(id, &[outputs, inputs]), None).expect("fits"));
                let both = graph.multiply(gate, up).expect("fits");
                let down = graph.project(both, &param(4, &[inputs, outputs]), None).expect("fits");
                // What was packed is read as it was, too.
                let y = graph.add(down, norm).expect("fits");
                let name = format!("packed {rows} {outputs} {inputs} {kind:?} {rms}");
                check.run(&name, graph, y, &weights, &Tensors::from([floats("x", &[1, rows, inputs])]));
            }
        }
    }
}

#[test]
fn rotary_positions() {
    let mut check = Check::new();
    for [batch, length, heads, head, half] in [[1, 1, 1, 2, 1], [2, 5, 3, 6, 3], [1, 17, 2, 10, 4], [3, 64, 2, 64, 32]]
    {
        let shape = [batch, length, heads * head];
        let mut graph = Graph::new();
        let x = graph.input("x", &shape, Element::F32);
        let positions = graph.input("positions", &[batch, length], Element::I32);
        let table = ["cosines", "sines"].map(|name| graph.input(name, &[length + 2, half], Element::F32));
        let y = graph.rotary(x, positions, table, heads).expect("fits");
        let inputs = [
            floats("x", &shape),
            ints("positions", &[batch, length], |i| (i * 5 % (length + 2)) as i32),
            floats("cosines", &[length + 2, half]),
            floats("sines", &[length + 2, half]),
        ];
        check.run(&format!("rotary {shape:?} {head} {half}"), graph, y, &[], &inputs.into());
    }
}

#[test]
fn what_a_pass_brings_to_attention_over_a_cache() {
    let mut check = Check::new();
    // batch, length, past, capacity, heads, kv heads, width, half, and whether positions turn
    for ([batch, length, past, capacity, heads, kv, width, half], turned) in [
        [1, 1, 0, 1, 1, 1, 2, 1],
        [2, 3, 4, 9, 4, 2, 6, 2],
        [1, 1, 200, 256, 8, 2, 64, 32],
        [3, 17, 1, 20, 6, 3, 10, 5],
    ]
    .into_iter()
    .flat_map(|sizes| [(sizes, true), (sizes, false)])
    {
        let mut graph = Graph::new();
        let [q, k, v] = [("q", heads), ("k", kv), ("v", kv)]
            .map(|(name, heads)| graph.input(name, &[batch, length, heads * width], Element::F32));
        let caches = ["keys", "values"].map(|name| graph.input(name, &[batch, kv, capacity, width], Element::F32));
        let positions = graph.input("positions", &[batch, length], Element::I32);
        let table = ["cosines", "sines"].map(|name| graph.input(name, &[length + 2, half], Element::F32));
        let start = graph.input("past", &[1], Element::I32);
        let mask_value = graph.input("mask", &[batch, capacity], Element::I32);
        let [q, k] = [(q, heads), (k, kv)].map(|(x, heads)| match turned {
            true => graph.rotary(x, positions, table, heads).expect("fits"),
            false => x,
        });
        let [k, v] = [(caches[0], k), (caches[1], v)].map(|(cache, x)| graph.append(cache, x, start).expect("fits"));
        let how = Attend { heads, kv_heads: kv, scale: 0.4, causal: true, mask: mask_value, past: start, bias: None };
        let y = graph.attend(q, k, v, &how).expect("fits");
        graph.output("y", y);
        graph.optimize(&Options::default()).expect("a graph");
        let y = graph.named("y").expect("an output");
        let inputs = Tensors::from([
            floats("q", &[batch, length, heads * width]),
            floats("k", &[batch, length, kv * width]),
            floats("v", &[batch, length, kv * width]),
            floats("keys", &[batch, kv, capacity, width]),
            floats("values", &[batch, kv, capacity, width]),
            ints("positions", &[batch, length], |i| (i * 5 % (length + 2)) as i32),
            floats("cosines", &[length + 2, half]),
            floats("sines", &[length + 2, half]),
            ints("past", &[1], |_| past as i32),
            mask(batch, capacity),
        ]);
        for gpu in &check.gpus {
            let plan = Plan::new(&graph, &["y".to_owned()]).expect("plans");
            let program = pollster::block_on(Program::new(plan, &[], &Space::new(gpu.clone()))).expect("a program");
            let Program::Gpu(program) = program else { panic!("no program of a GPU") };
            let recording = program.recording().expect("is recorded");
            let kernels: Vec<String> = (0..recording.len()).map(|index| recording.kernel(index)).collect();
            let joint = if turned { "Enter" } else { "AppendBoth" };
            assert_eq!(kernels.iter().filter(|name| *name == joint).count(), 1, "{kernels:?}");
            assert!(!kernels.iter().any(|name| name.starts_with("Append {") || name == "Rotary"), "{kernels:?}");
        }
        let name = format!("pass {batch} {length} {past} {capacity} {heads} {kv} {width} {half} {turned}");
        check.run(&name, graph, y, &[], &inputs);
    }
}

#[test]
fn attention_in_groups_over_a_pass_or_a_cache() {
    let mut check = Check::new();
    // batch, length, past, capacity, heads, kv heads, width
    for [batch, length, past, capacity, heads, kv, width] in [
        [1, 1, 0, 1, 1, 1, 1],
        [2, 3, 4, 9, 4, 2, 5],
        [3, 1, 6, 8, 6, 3, 12],
        [2, 17, 0, 17, 2, 1, 7],
        [1, 70, 3, 80, 3, 3, 20],
        [2, 9, 60, 130, 8, 2, 16],
    ] {
        for (causal, biased) in [(true, false), (true, true), (false, true)] {
            let cached = causal;
            let keys = if cached { capacity } else { length };
            let past = if cached { past } else { 0 };
            let mut graph = Graph::new();
            let q = graph.input("q", &[batch, length, heads * width], Element::F32);
            let kv_of = |name: &str, graph: &mut Graph, start: Value| {
                let x = graph.input(name, &[batch, length, kv * width], Element::F32);
                if !cached {
                    return x;
                }
                let cache = graph.input(&format!("{name} cache"), &[batch, kv, capacity, width], Element::F32);
                graph.append(cache, x, start).expect("fits")
            };
            let start = graph.input("past", &[1], Element::I32);
            let (k, v) = (kv_of("k", &mut graph, start), kv_of("v", &mut graph, start));
            let mask_value = graph.input("mask", &[batch, keys], Element::I32);
            let buckets = graph.input("buckets", &[11], Element::I32);
            let bias = graph.gather(buckets, &param(0, &[6, heads])).expect("fits");
            let bias = biased.then_some(bias);
            let how = Attend { heads, kv_heads: kv, scale: 0.4, causal, mask: mask_value, past: start, bias };
            let y = graph.attend(q, k, v, &how).expect("fits");
            let inputs = [
                floats("q", &[batch, length, heads * width]),
                floats("k", &[batch, length, kv * width]),
                floats("v", &[batch, length, kv * width]),
                floats("k cache", &[batch, kv, capacity, width]),
                floats("v cache", &[batch, kv, capacity, width]),
                mask(batch, keys),
                ints("past", &[1], |_| past as i32),
                ints("buckets", &[11], |i| (i * 5 % 6) as i32),
            ];
            let name = format!("grouped {batch} {length} {past} {keys} {heads} {kv} {width} {causal} {biased}");
            check.run(&name, graph, y, &[Known::F32(bell("table", 6 * heads))], &inputs.into());
        }
    }
}

#[test]
fn ids_from_logits() {
    let mut check = Check::new();
    for [batch, vocabulary] in [[1, 1], [2, 5], [3, 130], [70, 1025], [1, 9001]] {
        for (index, sampling) in [(1.0, 0, 1.0), (0.7, 4, 1.0), (1.3, 0, 0.6), (0.5, 40, 0.9)].into_iter().enumerate() {
            let (temperature, top_k, top_p) = sampling;
            let mut graph = Graph::new();
            let logits = graph.input("logits", &[batch, vocabulary], Element::F32);
            let draws = graph.input("draws", &[batch], Element::F32);
            let best = graph.argmax(logits).expect("fits");
            let drawn = graph.sample(logits, draws, Sampling { temperature, top_k, top_p }).expect("fits");
            // Ids as floats: a table that holds every id.
            let table = param(0, &[vocabulary, 1]);
            let [best, drawn] = [best, drawn].map(|ids| graph.gather(ids, &table).expect("fits"));
            let half = graph.scale(best, 0.5).expect("fits");
            let y = graph.add(half, drawn).expect("fits");
            let draw = |i: usize| (i as f32 * 0.618_034 + 0.1 * index as f32).fract();
            let inputs = [
                floats("logits", &[batch, vocabulary]),
                ("draws".to_owned(), Tensor::f32(&[batch], (0..batch).map(draw).collect())),
            ];
            let weights = [Known::F32((0..vocabulary).map(|id| id as f32).collect())];
            check.run(&format!("ids {batch} {vocabulary} {sampling:?}"), graph, y, &weights, &inputs.into());
        }
    }
}

#[test]
fn windows_of_rows() {
    let mut check = Check::new();
    for [batch, length, width, size, stride, padding] in
        [[1, 1, 1, 3, 1, 1], [2, 7, 5, 3, 2, 1], [3, 12, 3, 4, 3, 0], [1, 65, 20, 5, 1, 2]]
    {
        let mut graph = Graph::new();
        let x = graph.input("x", &[batch, length, width], Element::F32);
        let y = graph.windows(x, size, stride, padding).expect("fits");
        let inputs = Tensors::from([floats("x", &[batch, length, width])]);
        check.run(&format!("windows {length} {width} {size} {stride} {padding}"), graph, y, &[], &inputs);
    }
}
