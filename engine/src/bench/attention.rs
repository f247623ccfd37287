//! Attention by itself, plain or without a matrix of scores: a chain of attentions over keys and values of their own.

use crate::{
    device::{Buffer, Category, Device, Space},
    error::Result,
    graph::{Attend, Element, Graph, Plan},
    program::{Program, States},
    protocol::{Activations, BenchAttention, FlashAttention, Options, Precision, Tensor, Tensors},
};

use super::{normalised_error, stock};

/// Values of one write to the GPU.
const PIECE: usize = 1 << 20;

/// `count` attentions one after another, as a program, and its inputs.
pub struct Chain {
    /// The program.
    pub program: Program,
    /// What it takes.
    pub inputs: Tensors,
}

impl Chain {
    /// Creates keys and values too.
    pub async fn new(space: &Space, work: BenchAttention, count: usize) -> Result<Self> {
        let BenchAttention { queries, keys, heads, kv_heads, width, flash, form } = work;
        let [queries, keys, heads, kv_heads, width] = [queries, keys, heads, kv_heads, width].map(|n| n as usize);
        let mut graph = Graph::new();
        let mut x = graph.input("q", &[1, queries, heads * width], Element::F32);
        let mask = graph.input("mask", &[1, keys], Element::I32);
        let past = graph.input("past", &[1], Element::I32);
        #[expect(clippy::cast_precision_loss, reason = "widths are small")]
        let scale = 1.0 / (width as f32).sqrt();
        let how = Attend { heads, kv_heads, scale, causal: true, mask, past, bias: None };
        let shape = [1, kv_heads, keys, width];
        let values = stock::bell("keys", (shape.iter().product::<usize>()).min(PIECE));
        let mut states = States::new();
        for i in 0..count {
            let names = [format!("k{i}"), format!("v{i}")];
            for name in &names {
                states.insert(name.clone(), filled(space, shape.iter().product(), &values)?.into());
            }
            let [k, v] = names.map(|name| graph.state(&name, &shape));
            x = graph.attend(x, k, v, &how)?;
        }
        let row = graph.first_row(x)?;
        graph.output("row", row);
        let precision = if form.activations == Activations::F16 { Precision::F16 } else { Precision::F32 };
        let flash_attention = flash.then(|| FlashAttention { precision, ..FlashAttention::default() });
        graph.optimize(&Options { flash_attention, ..Options::default() })?;
        let plan = Plan::new(&graph, &["row".to_owned()])?;
        let program = Program::with_states(plan, &[], &states, space).await?;
        let query = stock::bell("q", queries * heads * width);
        let past = i32::try_from(keys - queries).unwrap_or(i32::MAX);
        let inputs = Tensors::from([
            ("q".to_owned(), Tensor::f32(&[1, queries, heads * width], query)),
            ("mask".to_owned(), Tensor::i32(&[1, keys], vec![1; keys])),
            ("past".to_owned(), Tensor::i32(&[1], vec![past])),
        ]);
        Ok(Self { program, inputs })
    }

    /// The first row of what comes out.
    pub async fn row(&self) -> Result<Vec<f32>> {
        let found = self.program.run(&[], &self.inputs).await?;
        Ok(found.get("row").and_then(Tensor::as_f32).map(<[f32]>::to_vec).unwrap_or_default())
    }
}

/// Bytes of the keys and values of one attention.
pub fn bytes(work: BenchAttention) -> u64 {
    [work.keys, work.kv_heads, work.width, 8].map(u64::from).into_iter().product()
}

/// Error of one attention of this kind, over fewer heads and keys, against the plain form on the CPU.
pub async fn check(space: &Space, work: BenchAttention) -> Result<f64> {
    let keys = work.keys.min(300);
    let queries = work.queries.min(keys).min(70);
    let small = BenchAttention { queries, keys, heads: 2 * work.heads / work.kv_heads, kv_heads: 2, ..work };
    let got = Chain::new(space, small, 1).await?.row().await?;
    let plain = BenchAttention { flash: false, ..small };
    let want = Chain::new(&Space::new(Device::Cpu), plain, 1).await?.row().await?;
    Ok(normalised_error(&got, &want))
}

/// A buffer of `count` values that repeat `values`.
fn filled(space: &Space, count: usize, values: &[f32]) -> Result<Buffer> {
    let buffer = space.create(Category::Kv, count as u64 * 4)?;
    for start in (0..count).step_by(values.len().max(1)) {
        let piece = &values[..values.len().min(count - start)];
        buffer.write(start as u64 * 4, bytemuck::cast_slice(piece))?;
    }
    Ok(buffer)
}
