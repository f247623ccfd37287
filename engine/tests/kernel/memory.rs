//! Caches: what is stored, where, and attention over it.

use matrix_engine::graph::{Flash, Ring, Select, Span, Store, Stored};

use super::*;

fn ints(name: &str, shape: &[usize], value: impl Fn(usize) -> i32) -> (String, Tensor) {
    (name.to_owned(), Tensor::i32(shape, (0..shape.iter().product()).map(value).collect()))
}

fn number(graph: &mut Graph, value: usize) -> Value {
    graph.constant(Tensor::i32(&[1], vec![value as i32]))
}

/// Rows in a storage format, as the words of a tensor.
fn packed(name: &str, [batch, heads, rows, width]: [usize; 4], stored: Stored) -> (String, Tensor) {
    let words = stored.words(width);
    let mut cache = vec![0_u32; batch * heads * rows * words];
    for (row, words) in bell(name, batch * heads * rows * width).chunks(width).zip(cache.chunks_mut(words)) {
        kernel::memory::write(stored, row, words);
    }
    let shape = [batch, heads, rows, words];
    let tensor = match stored {
        Stored::F32 => Tensor::f32(&shape, bytemuck::cast_vec(cache)),
        Stored::F16 | Stored::Bits8 | Stored::Bits4 => Tensor::i32(&shape, bytemuck::cast_vec(cache)),
    };
    (name.to_owned(), tensor)
}

fn element(stored: Stored) -> Element {
    if stored == Stored::F32 { Element::F32 } else { Element::I32 }
}

#[test]
fn attention_reads_every_storage_format() {
    let mut check = Check::new();
    for stored in [Stored::F32, Stored::F16, Stored::Bits8, Stored::Bits4] {
        // batch, queries, past, from, fixed, ring, heads, kv heads, width
        for [batch, length, past, from, fixed, rows, heads, kv, width] in [
            [1, 1, 0, 0, 0, 1, 1, 1, 1],
            [2, 1, 9, 2, 2, 5, 4, 2, 12],
            [1, 1, 3, 4, 4, 600, 2, 1, 64],
            [2, 1, 900, 4, 4, 600, 8, 2, 80],
            [1, 3, 40, 0, 0, 43, 3, 3, 7],
            [1, 1, 70, 64, 33, 20, 4, 1, 128],
            [1, 1, 300, 0, 0, 520, 2, 1, 256],
        ] {
            for placed in [false, true] {
                if placed && (past < from || fixed == 0) || !placed && from != fixed {
                    continue;
                }
                let ring = Ring { from, fixed, rows };
                let mut graph = Graph::new();
                let q = graph.input("q", &[batch, length, heads * width], Element::F32);
                let shape = [batch, kv, ring.all(), stored.words(width)];
                let [k, v] = ["k", "v"].map(|name| graph.input(name, &shape, element(stored)));
                let columns = past + length + 3;
                let mask_value = graph.input("mask", &[batch, columns], Element::I32);
                let start = graph.input("past", &[1], Element::I32);
                let bias = graph.input("bias", &[11, heads], Element::F32);
                let mut operands = vec![q, k, v, mask_value, start, bias];
                if placed {
                    operands.push(graph.input("places", &[batch, kv, fixed], Element::I32));
                }
                let flash = Flash {
                    heads,
                    kv_heads: kv,
                    scale: 0.3,
                    causal: true,
                    masked: true,
                    cached: true,
                    biased: true,
                    stored,
                    ring: Some(ring),
                    placed,
                    ..Flash::default()
                };
                let operands: Vec<_> = operands.into_iter().map(Into::into).collect();
                let splits = graph.splits(&flash, &operands);
                let y = graph.flash(&Flash { splits, ..flash }, operands).expect("fits");
                let cache = [batch, kv, ring.all(), width];
                let inputs = [
                    floats("q", &[batch, length, heads * width]),
                    packed("k", cache, stored),
                    packed("v", cache, stored),
                    mask(batch, columns),
                    ints("past", &[1], |_| past as i32),
                    floats("bias", &[11, heads]),
                    // Some rows hold nothing.
                    ints("places", &[batch, kv, fixed.max(1)], |i| (i * 5 % (from + 1)) as i32),
                ];
                let name = format!("{stored:?} {batch} {length} {past} {ring:?} {heads} {kv} {width} {placed}");
                check.run(&name, graph, y, &[], &inputs.into());
            }
        }
    }
}

/// Attention of the last of `count` queries over a cache that took keys and values one by one, and over all of them.
fn last_query([count, width]: [usize; 2], ring: Ring, stored: Stored, window: Option<Span>) -> [(Graph, Value); 2] {
    let (heads, kv) = (4, 2);
    let how = Flash { heads, kv_heads: kv, scale: 0.3, causal: true, cached: true, ..Flash::default() };
    let build = |cached: bool| {
        let mut graph = Graph::new();
        let q = graph.input("q", &[1, 1, heads * width], Element::F32);
        let [k, v] = ["k", "v"].map(|name| graph.input(name, &[1, count, kv * width], Element::F32));
        let past = number(&mut graph, count - 1);
        if !cached {
            let flash = Flash { window, ..how };
            let y = graph.flash(&flash, [q, k, v, past].map(Into::into).into()).expect("fits");
            return (graph, y);
        }
        let [keys, values] = [("k", k), ("v", v)].map(|(name, x)| {
            let turned = stored == Stored::Bits4 && name == "k";
            let shape = [1, kv, ring.all(), stored.words(width)];
            let mut cache = graph.input(&format!("{name} cache"), &shape, element(stored));
            let store = Store { heads: kv, stored, turned, ring, placed: false };
            // A prompt of three, then one by one.
            for (first, length) in std::iter::once((0, 3)).chain((3..count).map(|token| (token, 1))) {
                let part = graph.slice(x, 1, first as i32, length).expect("fits");
                let past = number(&mut graph, first);
                cache = graph.store(store, cache, part, past, None).expect("fits");
            }
            cache
        });
        let q = if stored == Stored::Bits4 { graph.turn(q, heads).expect("fits") } else { q };
        let flash = Flash { stored, ring: Some(ring), ..how };
        let y = graph.flash(&flash, [q, keys, values, past].map(Into::into).into()).expect("fits");
        (graph, y)
    };
    [build(true), build(false)]
}

#[test]
fn a_cache_holds_what_a_query_sees() {
    let all = Ring { from: 0, fixed: 0, rows: 40 };
    for (count, ring, window) in [
        (40, all, None),
        (17, all, None),
        (29, Ring { from: 2, fixed: 2, rows: 5 }, Some(Span { keys: 5, sinks: 2 })),
        (12, Ring { from: 0, fixed: 0, rows: 2 }, Some(Span { keys: 2, sinks: 0 })),
        (6, Ring { from: 4, fixed: 4, rows: 12 }, Some(Span { keys: 12, sinks: 4 })),
    ] {
        for (stored, allowed) in
            [(Stored::F32, 1e-5), (Stored::F16, 2e-3), (Stored::Bits8, 2e-2), (Stored::Bits4, 3e-1)]
        {
            for width in [12, 64] {
                let [(mut cached, y), (mut whole, z)] = last_query([count, width], ring, stored, window);
                let empty = |name: &str| {
                    let shape = [1, 2, ring.all(), stored.words(width)];
                    let count = shape.iter().product();
                    let floats = stored == Stored::F32;
                    let tensor = if floats {
                        Tensor::f32(&shape, vec![0.0; count])
                    } else {
                        Tensor::i32(&shape, vec![0; count])
                    };
                    (name.to_owned(), tensor)
                };
                let inputs = Tensors::from([
                    empty("k cache"),
                    empty("v cache"),
                    floats("q", &[1, 1, 4 * width]),
                    floats("k", &[1, count, 2 * width]),
                    floats("v", &[1, count, 2 * width]),
                ]);
                cached.output("result", y);
                whole.output("result", z);
                let run =
                    |graph: &Graph| reference(&Plan::new(graph, &["result".to_owned()]).expect("plans"), &[], &inputs);
                let (got, want) = (run(&cached), run(&whole));
                let scale = want.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
                let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
                let name = format!("{count} {width} {ring:?} {stored:?}");
                assert!(worst < allowed * scale, "{name}: {worst:.2e} of {scale:.2e}");
                // A value between two steps may be rounded to either.
                let mut check = Check::new();
                check.tolerance = if stored == Stored::F32 { 2e-5 } else { allowed / 4.0 };
                check.run(&name, cached, y, &[], &inputs);
            }
        }
    }
}

#[test]
fn what_was_looked_at_stays() {
    let mut check = Check::new();
    for [batch, length, observed, heads, kv, count, sinks, recent] in [
        [1, 1, 1, 1, 1, 1, 0, 0],
        [2, 9, 4, 4, 2, 5, 1, 2],
        [3, 70, 32, 6, 3, 20, 4, 8],
        [1, 300, 32, 8, 1, 150, 4, 32],
    ] {
        for counted in [false, true] {
            let width = 12;
            let mut graph = Graph::new();
            let shares = graph.input("shares", &[batch, heads, observed, length], Element::F32);
            let importance = graph.importance(shares, kv, counted).expect("fits");
            let mask_value = graph.input("mask", &[batch, length + 2], Element::I32);
            let places = graph.input("places", &[batch, kv, count], Element::I32);
            let places = graph.select(Select { sinks, recent }, places, importance, mask_value).expect("fits");
            let x = graph.input("x", &[batch, length, kv * width], Element::F32);
            let ring = Ring { from: length, fixed: count, rows: 3 };
            let shape = [batch, kv, ring.all(), width];
            let cache = graph.input("cache", &shape, Element::F32);
            let past = number(&mut graph, 0);
            let store = Store { heads: kv, stored: Stored::F32, turned: false, ring, placed: true };
            let y = graph.store(store, cache, x, past, Some(places)).expect("fits");
            // Counts tie; sums of positive numbers do not.
            let values =
                bell("shares", batch * heads * observed * length).into_iter().map(|v| v.abs() / 50.0).collect();
            let inputs = [
                ("shares".to_owned(), Tensor::f32(&[batch, heads, observed, length], values)),
                ints("places", &[batch, kv, count], |_| 0),
                ("cache".to_owned(), Tensor::f32(&shape, vec![0.0; shape.iter().product()])),
                mask(batch, length + 2),
                floats("x", &[batch, length, kv * width]),
            ];
            check.run(&format!("{batch} {length} {heads} {kv} {count} {counted}"), graph, y, &[], &inputs.into());
        }
    }
}
