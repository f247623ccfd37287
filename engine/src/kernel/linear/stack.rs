//! Layers that read the same row, one after the other, as one: a token's products are so short that starting them takes as
//! long.

use crate::{
    device::{Buffer, gpu::Capability},
    error::Result,
    graph::Activation,
    kernel::{
        gpu::{Dispatch, Part},
        shader::{Input, Kernel, Tiling, WeightFormat},
    },
};

use super::gpu::tiling;

/// The same dispatches, but two or three layers that [`Kernel::Stacked`] can stand for as that one.
pub fn with_stacked_layers(steps: Vec<Dispatch<'_>>, capability: Capability) -> Result<Vec<Dispatch<'_>>> {
    let three = Kernel::Stacked { layers: 3, tiling: Tiling::Single, bits: 4, activations: [None; 3] };
    let most = if three.storage() <= capability.storage_buffers { 3 } else { 2 };
    let layers: Vec<Option<Layer<'_>>> = steps.iter().map(Layer::of).collect();
    let mut steps = steps.into_iter().zip(layers).peekable();
    let mut kept = Vec::new();
    while let Some((step, layer)) = steps.next() {
        let mut run = Vec::from_iter(layer);
        let continues = |run: &[Layer<'_>], next: &Option<Layer<'_>>| {
            (1..most).contains(&run.len()) && next.as_ref().is_some_and(|next| next.continues(run))
        };
        while let Some((_, next)) = steps.next_if(|(_, next)| continues(&run, next)) {
            run.extend(next);
        }
        kept.push(if run.len() > 1 { stacked(run, capability)? } else { step });
    }
    Ok(kept)
}

/// A layer of one row without anything that is added, by a team.
struct Layer<'a> {
    bits: u32,
    activation: Option<Activation>,
    x: [&'a Buffer; 2],
    out: &'a Buffer,
    weights: [Part<'a>; 2],
    /// Inputs, and what is said of rows of weights.
    shape: [u32; 4],
    outputs: u32,
}

impl<'a> Layer<'a> {
    fn of(step: &Dispatch<'a>) -> Option<Self> {
        let Kernel::Linear { tiling: Tiling::Team { .. }, format, input: Input::Packed, activation } = step.kernel
        else {
            return None;
        };
        let WeightFormat::Integer { bits, zeros: false } = format else { return None };
        let [codes, _, out, factors, rest @ ..] = step.buffers.as_slice() else { return None };
        let [rows, inputs, outputs, words, groups, shift, first, stride, adds, _] = *step.params else { return None };
        let whole = (rows, first, stride, adds) == (1, 0, outputs, 0);
        let weights = rest.to_vec().try_into().ok().filter(|_| whole)?;
        let (x, shape) = ([codes.buffer, factors.buffer], [inputs, words, groups, shift]);
        Some(Self { bits, activation, x, out: out.buffer, weights, shape, outputs })
    }

    /// Whether it is of the same x and kind as the others, and its result is none of theirs.
    fn continues(&self, others: &[Layer<'_>]) -> bool {
        let same = |a: &Buffer, b: &Buffer| std::ptr::eq(a, b);
        let room = others.iter().try_fold(self.outputs, |sum, other| sum.checked_add(other.outputs)).is_some();
        room && others.iter().all(|other| {
            let alike = self.bits == other.bits && self.shape == other.shape;
            alike && same(self.x[0], other.x[0]) && same(self.x[1], other.x[1]) && !same(self.out, other.out)
        })
    }
}

/// Two or three layers as one dispatch.
fn stacked<'a>(layers: Vec<Layer<'a>>, capability: Capability) -> Result<Dispatch<'a>> {
    let Layer { bits, x, shape: [inputs, words, groups, shift], .. } = layers[0];
    let outputs: u32 = layers.iter().map(|layer| layer.outputs).sum();
    let (input, format) = (Input::Packed, WeightFormat::Integer { bits, zeros: false });
    let (tiling, grid) = tiling([1, inputs as usize, outputs as usize], format, input, capability)?;
    let (second, third) = (layers[0].outputs, layers[0].outputs + layers[1].outputs);
    let count = layers.len();
    let mut activations = [None; 3];
    let mut buffers = [x[0], layers[0].out, layers[1].out, x[1]].map(Part::from).to_vec();
    for (index, layer) in layers.into_iter().enumerate() {
        activations[index] = layer.activation;
        // The third's result stands in front of its weights.
        buffers.extend((index == 2).then(|| Part::from(layer.out)));
        buffers.extend(layer.weights);
    }
    Ok(Dispatch {
        kernel: Kernel::Stacked { layers: count, tiling, bits, activations },
        buffers,
        params: vec![1, inputs, outputs, words, groups, shift, second, third, grid[0]],
        grid,
    })
}
