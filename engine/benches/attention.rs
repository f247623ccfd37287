//! Times attention natively, plain and without a matrix of scores, over a prompt and for one more token:
//! `cargo bench -p matrix-engine --bench attention -- [PLATFORM] [LENGTH…]`. Uploads and read-backs are taken out:
//! what is printed is how much longer a chain of attentions takes than one, per attention.

use matrix_engine::{
    clock,
    device::{Device, Space},
    graph::{Attend, Element, Graph, Plan},
    program::Program,
    protocol::{FlashAttention, Options, Platform, Tensor, Tensors},
};

const HEADS: usize = 32;
const KV_HEADS: usize = 8;
/// Attentions of the longer chain, beside the first.
const CHAIN: u32 = 8;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let asked: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let lengths = if asked.is_empty() { vec![512, 1024, 2048, 4096] } else { asked };
    let platforms = [Platform::NativeGpu, Platform::NativeCpu];
    let named = |platform: &Platform| words.iter().any(|word| word == platform.name());
    let any = platforms.iter().any(named);
    for platform in platforms.into_iter().filter(|platform| !any || named(platform)) {
        let device = match pollster::block_on(Device::open(platform)) {
            Ok(device) => device,
            Err(error) => {
                println!("{}: {error}", platform.name());
                continue;
            }
        };
        println!("{} ({})", platform.name(), device.info().description);
        for width in [64, 128] {
            for &keys in &lengths {
                for queries in [keys, 1] {
                    let plain = per_attention(&device, [queries, keys, width], &Options::default());
                    let flash = FlashAttention::default();
                    let options = Options { flash_attention: Some(flash), ..Options::default() };
                    let flash = per_attention(&device, [queries, keys, width], &options);
                    println!("width {width:>3}  queries {queries:>4}  keys {keys:>4}  plain {plain}  flash {flash}");
                }
            }
        }
    }
}

/// Milliseconds, and for a prompt TFLOP/s, for one more token GB/s of keys and values.
fn per_attention(device: &Device, shape: [usize; 3], options: &Options) -> String {
    let times = [1, 1 + CHAIN].map(|count| best(device, shape, options, count));
    let [one, all] = match times {
        [Ok(one), Ok(all)] => [one, all],
        [Err(error), _] | [_, Err(error)] => return error.to_string(),
    };
    let ms = (all - one) / f64::from(CHAIN);
    let [queries, keys, width] = shape.map(|size| size as f64);
    let speed = if shape[0] == 1 {
        format!("{:7.1} GB/s", 2.0 * KV_HEADS as f64 * keys * width * 4.0 / ms / 1e6)
    } else {
        // A causal query sees half of the keys.
        format!("{:5.2} TFLOP/s", 2.0 * HEADS as f64 * queries * keys * width / ms / 1e9)
    };
    format!("{ms:9.3} ms {speed}")
}

/// The best time of a chain of attentions, in milliseconds.
fn best(
    device: &Device,
    [queries, keys, width]: [usize; 3],
    options: &Options,
    count: u32,
) -> matrix_engine::error::Result<f64> {
    let mut graph = Graph::new();
    let mut x = graph.input("q", &[1, queries, HEADS * width], Element::F32);
    let [k, v] = ["k", "v"].map(|name| graph.input(name, &[1, KV_HEADS, keys, width], Element::F32));
    let mask = graph.input("mask", &[1, keys], Element::I32);
    let past = graph.input("past", &[1], Element::I32);
    let scale = 1.0 / (width as f32).sqrt();
    let how = Attend { heads: HEADS, kv_heads: KV_HEADS, scale, causal: true, mask, past, bias: None };
    for _ in 0..count {
        x = graph.attend(x, k, v, &how)?;
    }
    let row = graph.first_row(x)?;
    graph.output("row", row);
    graph.optimize(options)?;
    let space = Space::new(device.clone());
    let program = pollster::block_on(Program::new(Plan::new(&graph, &["row".to_owned()])?, &[], &space))?;
    let floats = |shape: &[usize]| {
        let values = (0..shape.iter().product::<usize>()).map(|i| ((i * 37 % 1009) as f32 / 504.5) - 1.0);
        Tensor::f32(shape, values.collect())
    };
    let inputs = Tensors::from([
        ("q".to_owned(), floats(&[1, queries, HEADS * width])),
        ("k".to_owned(), floats(&[1, KV_HEADS, keys, width])),
        ("v".to_owned(), floats(&[1, KV_HEADS, keys, width])),
        ("mask".to_owned(), Tensor::i32(&[1, keys], vec![1; keys])),
        ("past".to_owned(), Tensor::i32(&[1], vec![i32::try_from(keys - queries).unwrap_or(0)])),
    ]);
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        let started = clock::now();
        pollster::block_on(program.run(&[], &inputs))?;
        best = best.min(clock::now() - started);
    }
    Ok(best)
}
