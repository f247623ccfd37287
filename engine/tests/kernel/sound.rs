//! Kernels of audio front ends.

use std::f32::consts::TAU;

use matrix_engine::{
    graph::{Element, Graph, Sound},
    protocol::{Tensor, Tensors},
};

use super::{Check, bell, floats};

/// Samples, lengths, window with angles, and bands that overlap.
fn clips(lengths: &[i32], length: usize, bands: usize) -> Tensors {
    let longest = lengths.iter().copied().max().expect("clips") as usize;
    let mut table: Vec<f32> = bell("window", length).iter().map(|x| x.abs() + 0.1).collect();
    let angle = |i: usize| i as f32 * TAU / length as f32;
    table.extend((0..length).map(|i| angle(i).cos()));
    table.extend((0..length).map(|i| angle(i).sin()));
    let bins = length / 2 + 1;
    let (mut edges, mut weights) = (Vec::new(), Vec::new());
    for band in 0..bands {
        let first = band * bins / bands;
        let count = if band % 7 == 6 { 0 } else { (bins - first).min(band % 5 + 1) };
        edges.extend([first, weights.len(), weights.len() + count].map(|edge| edge as i32));
        weights.extend(bell("band", count).iter().map(|weight| weight.abs() + 0.01));
    }
    let weights = if weights.is_empty() { vec![0.0] } else { weights };
    Tensors::from([
        floats("samples", &[lengths.len(), longest]),
        ("lengths".to_owned(), Tensor::i32(&[lengths.len()], lengths.to_vec())),
        ("table".to_owned(), Tensor::f32(&[3, length], table)),
        ("edges".to_owned(), Tensor::i32(&[bands, 3], edges)),
        ("weights".to_owned(), Tensor::f32(&[weights.len()], weights)),
    ])
}

fn inputs(graph: &mut Graph, tensors: &Tensors, names: &[&str]) -> Vec<matrix_engine::graph::Value> {
    let element = |tensor: &Tensor| if tensor.as_i32().is_some() { Element::I32 } else { Element::F32 };
    let input = |name: &&str| graph.input(name, &tensors[*name].shape, element(&tensors[*name]));
    names.iter().map(input).collect()
}

#[test]
fn mel_bands_of_any_frame_length() {
    let mut check = Check::new();
    let lengths = [1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 60, 64, 97, 128, 210, 256, 400, 401, 512, 1000, 1023, 1024];
    for (index, length) in lengths.into_iter().enumerate() {
        let hop = length / 3 + 1;
        let samples = [vec![1, 40], vec![length as i32 + 17], vec![3, 2, 1], vec![90, 1, 33]][index % 4].clone();
        let tensors = clips(&samples, length, [1, 3, 8, 80][index % 4]);
        let longest = tensors["samples"].shape[1];
        let frames = 1 + longest / hop.min(longest);
        let mut graph = Graph::new();
        let operands = inputs(&mut graph, &tensors, &["samples", "lengths", "table", "edges", "weights"]);
        let y = graph.sound(Sound::LogMel { hop, frames: frames.min(5) }, &operands).expect("fits");
        check.run(&format!("log mel {length} of {samples:?}"), graph, y, &[], &tensors);
    }
}

#[test]
fn moments_and_what_is_made_of_them() {
    let mut check = Check::new();
    for (width, lengths) in [(1, [1, 1]), (3, [2, 3]), (130, [130, 1]), (8192, [8192, 77]), (20_011, [20_011, 9000])] {
        let shape = [2, width];
        let mut tensors = Tensors::from([floats("x", &shape), floats("shift", &shape)]);
        tensors.insert("lengths".into(), Tensor::i32(&[2], lengths.to_vec()));
        let mut graph = Graph::new();
        let [x, shift, known] = inputs(&mut graph, &tensors, &["x", "shift", "lengths"])[..] else { unreachable!() };
        let x = graph.add(x, shift).expect("fits");
        let total = graph.totals(x, known).expect("fits");
        let y = graph.sound(Sound::Standardise { epsilon: 1e-2, padding: 5.0 }, &[x, known, total]).expect("fits");
        check.run(&format!("standardise {width}"), graph, y, &[], &tensors);
        if width % 3 != 1 {
            continue;
        }
        let mut graph = Graph::new();
        let [x, known] = inputs(&mut graph, &tensors, &["x", "lengths"])[..] else { unreachable!() };
        let total = graph.totals(x, known).expect("fits");
        let x = graph.reshape(x, &[2, 1, width]).expect("fits");
        let y = graph.sound(Sound::Decades { range: 1.5 }, &[x, total]).expect("fits");
        check.run(&format!("decades {width}"), graph, y, &[], &tensors);
    }
    let tensors = Tensors::from([floats("x", &[2, 12]), ("lengths".into(), Tensor::i32(&[2], vec![12, 12]))]);
    let mut graph = Graph::new();
    let [x, known] = inputs(&mut graph, &tensors, &["x", "lengths"])[..] else { unreachable!() };
    let total = graph.totals(x, known).expect("fits");
    let x = graph.reshape(x, &[2, 3, 4]).expect("fits");
    let y = graph.sound(Sound::Decades { range: 0.5 }, &[x, total]).expect("fits");
    check.run("decades, axes swapped", graph, y, &[], &tensors);
}

#[test]
fn rows_between_rows() {
    let mut check = Check::new();
    for [clips, rows, blends, width] in [[1, 1, 1, 1], [2, 5, 3, 7], [3, 40, 160, 65]] {
        let pairs = (0..clips * blends * 2).map(|i| (i * 7 % rows) as i32).collect();
        let shares = (0..clips * blends).map(|i| (i % 4) as f32 / 4.0).collect();
        let tensors = Tensors::from([
            floats("x", &[clips, rows, width]),
            ("pairs".into(), Tensor::i32(&[clips, blends, 2], pairs)),
            ("shares".into(), Tensor::f32(&[clips, blends], shares)),
        ]);
        let mut graph = Graph::new();
        let operands = inputs(&mut graph, &tensors, &["x", "pairs", "shares"]);
        let y = graph.sound(Sound::Blend, &operands).expect("fits");
        check.run(&format!("blend {clips} {rows} {blends} {width}"), graph, y, &[], &tensors);
    }
}
