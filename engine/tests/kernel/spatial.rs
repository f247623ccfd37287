//! Kernels of models of images and sounds.

use matrix_engine::{
    graph::{Activation, AttentionRule, Conv, Element, Graph, Window},
    protocol::Tensors,
};

use super::{AWKWARD, Check, Known, bell, floats, mask, param};

fn some(activation: usize) -> Option<Activation> {
    std::iter::once(None).chain(Activation::ALL.map(Some)).nth(activation % 8).flatten()
}

#[test]
fn convolutions() {
    let mut check = Check::new();
    // Batch, channels in and out, groups, image, size, stride, padding.
    let cases: [([usize; 4], [[usize; 2]; 4]); 12] = [
        ([1, 1, 1, 1], [[1, 1], [1, 1], [1, 1], [0, 0]]),
        ([2, 3, 5, 1], [[7, 9], [3, 2], [1, 1], [1, 0]]),
        ([1, 3, 48, 1], [[32, 32], [8, 8], [8, 8], [0, 0]]),
        ([1, 4, 6, 2], [[5, 6], [3, 3], [2, 1], [1, 1]]),
        ([2, 7, 7, 7], [[10, 5], [7, 7], [1, 1], [3, 3]]),
        ([1, 16, 16, 16], [[9, 9], [3, 3], [2, 2], [1, 1]]),
        ([1, 6, 12, 6], [[4, 4], [2, 2], [1, 1], [0, 0]]),
        ([3, 48, 48, 4], [[1, 24], [1, 16], [1, 1], [0, 8]]),
        ([1, 1, 16, 1], [[1, 800], [1, 10], [1, 5], [0, 0]]),
        ([1, 64, 64, 1], [[15, 13], [3, 3], [1, 1], [1, 1]]),
        ([1, 5, 70, 1], [[70, 1], [1, 1], [2, 1], [0, 0]]),
        ([1, 3, 16, 1], [[40, 40], [7, 7], [2, 2], [3, 3]]),
    ];
    for (index, ([batch, inputs, outputs, groups], [image, size, stride, padding])) in cases.into_iter().enumerate() {
        for channels_first in [false, true] {
            let shape =
                if channels_first { [batch, inputs, image[0], image[1]] } else { [batch, image[0], image[1], inputs] };
            let weight = [outputs, inputs / groups, size[0], size[1]];
            let biased = (index % 2 == 0) != channels_first;
            let weights = [Known::F32(bell("weight", weight.iter().product())), Known::F32(bell("bias", outputs))];
            let mut graph = Graph::new();
            let x = graph.input("x", &shape, Element::F32);
            let conv = Conv {
                window: Window { stride, padding },
                groups,
                activation: some(index * 2 + usize::from(biased)),
                channels_first,
            };
            let bias = param(1, &[outputs]);
            let y = graph.conv(x, &param(0, &weight), biased.then_some(&bias), conv).expect("fits");
            let name = format!("conv {weight:?} on {shape:?} {conv:?}");
            check.run(&name, graph, y, &weights, &Tensors::from([floats("x", &shape)]));
        }
    }
}

#[test]
fn windows_and_means() {
    let mut check = Check::new();
    for ([batch, height, width, channels], size, stride, padding) in [
        ([1, 1, 1, 1], [1, 1], [1, 1], [0, 0]),
        ([2, 7, 5, 3], [3, 3], [2, 2], [1, 1]),
        ([1, 20, 20, 16], [3, 3], [2, 2], [1, 1]),
        ([3, 4, 9, 65], [2, 4], [2, 3], [0, 2]),
    ] {
        let shape = [batch, height, width, channels];
        for mean in [false, true] {
            let mut graph = Graph::new();
            let x = graph.input("x", &shape, Element::F32);
            let y = if mean { graph.mean(x) } else { graph.max_pool(x, size, Window { stride, padding }) };
            let inputs = Tensors::from([floats("x", &shape)]);
            check.run(&format!("window {shape:?} {size:?} {mean}"), graph, y.expect("fits"), &[], &inputs);
        }
    }
}

#[test]
fn other_orders() {
    let mut check = Check::new();
    for [a, b, c] in AWKWARD {
        let shape = [a, b, c];
        let inputs = Tensors::from([floats("x", &shape), floats("other", &[a, 3, c])]);
        let mut graph = Graph::new();
        let x = graph.input("x", &shape, Element::F32);
        let other = graph.input("other", &[a, 3, c], Element::F32);
        let y = graph.concat(x, other, 1).expect("fits");
        let y = graph.permute(y, &[2, 0, 1]).expect("fits");
        let y = graph.roll(y, 2, -2).expect("fits");
        let y = graph.roll(y, 0, 1).expect("fits");
        let y = graph.slice(y, 1, -1, a + 3).expect("fits");
        let y = graph.slice(y, 2, 1, b + 2).expect("fits");
        let y = graph.reshape(y, &[c, (a + 3) * (b + 2)]).expect("fits");
        let y = graph.spread(y, 0, 2).expect("fits");
        let z = graph.spread(&param(0, &[c]), 1, 3).expect("fits");
        let z = graph.permute(z, &[1, 0]).expect("fits");
        let z = graph.spread(z, 0, 2).expect("fits");
        let z = graph.permute(z, &[0, 2, 1]).expect("fits");
        let y = graph.concat(z, y, 2).expect("fits");
        let weights = [Known::F32(bell("weight", c))];
        check.run(&format!("other orders {shape:?}"), graph, y, &weights, &inputs);
    }
}

#[test]
fn norms_over_channels() {
    let mut check = Check::new();
    for (index, [rows, channels, _]) in AWKWARD.into_iter().enumerate() {
        let variance = bell("variance", channels).iter().map(|v| v * v + 0.1).collect();
        let vector = |name: &str| Known::F32(bell(name, channels));
        let weights = [vector("mean"), Known::F32(variance), vector("scale"), vector("shift")];
        let shape = [2, rows, channels];
        let inputs = Tensors::from([floats("x", &shape), floats("other", &shape)]);
        let params = [0, 1, 2, 3].map(|id| param(id, &[channels]));
        for residual in [false, true] {
            let mut graph = Graph::new();
            let x = graph.input("x", &shape, Element::F32);
            let other = graph.input("other", &shape, Element::F32);
            let y = graph.batch_norm(x, params.each_ref(), residual.then_some(other), 1e-5, some(index)).expect("fits");
            let y = graph.scale_add(y, &params[2], x).expect("fits");
            check.run(&format!("batch norm {shape:?} {residual}"), graph, y, &weights, &inputs);
        }
        for groups in [1, channels] {
            let mut graph = Graph::new();
            let x = graph.input("x", &shape, Element::F32);
            let y = graph.group_norm(x, &params[2], &params[3], (groups, 1e-3), some(index)).expect("fits");
            check.run(&format!("group norm {shape:?} {groups}"), graph, y, &weights, &inputs);
        }
    }
}

#[test]
fn resizing_and_single_values() {
    let mut check = Check::new();
    for (index, [from, to, width]) in AWKWARD.into_iter().enumerate() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[2, from, width], Element::F32);
        let m = graph.input("mask", &[2, to], Element::I32);
        let w = graph.weight_norm(&param(1, &[3, from, width]), &param(2, &[width])).expect("fits");
        let w = graph.slice(w, 0, 1, 2).expect("fits");
        let x = graph.add(x, w).expect("fits");
        let y = graph.resize(x, to).expect("fits");
        let y = graph.activate(y, Activation::ALL[index % 7]).expect("fits");
        let y = graph.scale_exp(y, &param(0, &[])).expect("fits");
        let y = graph.mask_rows(y, m).expect("fits");
        let inputs = Tensors::from([floats("x", &[2, from, width]), mask(2, to)]);
        let weights = [vec![0.3], bell("directions", 3 * from * width), bell("lengths", width)].map(Known::F32);
        check.run(&format!("resize {from} {to} {width}"), graph, y, &weights, &inputs);
    }
}

#[test]
fn attention_with_and_without_masks() {
    let mut check = Check::new();
    for [batch, queries, keys, heads, width] in
        [[1, 1, 1, 1, 1], [2, 5, 5, 2, 3], [6, 16, 16, 2, 12], [1, 65, 65, 3, 20], [2, 3, 9, 1, 7]]
    {
        let (q_shape, k_shape) = ([batch, queries, heads * width], [batch, keys, heads * width]);
        let windows = if batch % 2 == 0 { 2 } else { 1 };
        let bias_shape = [windows, heads, queries, keys];
        for kind in 0..8 {
            let mut graph = Graph::new();
            let q = graph.input("q", &q_shape, Element::F32);
            let [k, v] = ["k", "v"].map(|name| graph.input(name, &k_shape, Element::F32));
            let m = graph.input("mask", &[batch, keys], Element::I32);
            let bias = graph.input("bias", &bias_shape, Element::F32);
            let rule = AttentionRule {
                mask: (kind & 1 != 0).then_some(m),
                causal: kind & 2 != 0,
                bias: (kind & 4 != 0).then_some(bias),
            };
            let y = graph.attention_by([q, k, v], heads, &rule).expect("fits");
            let inputs = [floats("q", &q_shape), floats("k", &k_shape), floats("v", &k_shape)];
            let inputs = inputs.into_iter().chain([mask(batch, keys), floats("bias", &bias_shape)]).collect();
            check.run(&format!("attention {q_shape:?} {keys} {kind}"), graph, y, &[], &inputs);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut graph = Graph::new();
    let x = graph.input("x", &[1, 4, 4, 3], Element::F32);
    let window = Window { stride: [1, 1], padding: [0, 0] };
    let conv = |groups, window| Conv { window, groups, activation: None, channels_first: false };
    assert!(graph.conv(x, &param(0, &[2, 3, 5, 5]), None, conv(1, window)).is_err());
    assert!(graph.conv(x, &param(0, &[2, 3, 1, 1]), None, conv(2, window)).is_err());
    assert!(graph.conv(x, &param(0, &[2, 3, 1, 1]), None, conv(1, Window { stride: [0, 1], ..window })).is_err());
    assert!(graph.max_pool(x, [2, 2], Window { padding: [2, 2], ..window }).is_err());
    assert!(graph.reshape(x, &[47]).is_err());
    assert!(graph.permute(x, &[0, 1, 2, 4]).is_err());
    assert!(graph.concat(x, x, 4).is_err());
}
