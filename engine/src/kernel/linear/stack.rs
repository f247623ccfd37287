//! Two layers that read the same row, one after the other, as one: a token's products are so short that starting them
//! takes as long.

use crate::{
    device::{Buffer, gpu::Capability},
    graph::Activation,
    kernel::{
        gpu::{Dispatch, Part},
        shader::{Input, Kernel, Tiling, WeightFormat},
    },
};

use super::gpu::tiling;

/// The same dispatches, but two layers that [`Kernel::Stacked`] can stand for as that one.
pub fn with_stacked_layers(steps: Vec<Dispatch<'_>>, capability: Capability) -> Vec<Dispatch<'_>> {
    let mut kept: Vec<Dispatch<'_>> = Vec::with_capacity(steps.len());
    for step in steps {
        let joint = kept.last().and_then(|before| stacked([before, &step], capability));
        if joint.is_some() {
            kept.pop();
        }
        kept.push(joint.unwrap_or(step));
    }
    kept
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
}

fn stacked<'a>(steps: [&Dispatch<'a>; 2], capability: Capability) -> Option<Dispatch<'a>> {
    let [first, second] = [Layer::of(steps[0])?, Layer::of(steps[1])?];
    let same = |a: &Buffer, b: &Buffer| std::ptr::eq(a, b);
    let alike = first.bits == second.bits && first.shape == second.shape;
    let of_one_x = same(first.x[0], second.x[0]) && same(first.x[1], second.x[1]);
    if !(alike && of_one_x) || same(first.out, second.out) {
        return None;
    }
    let outputs = first.outputs.checked_add(second.outputs)?;
    let (input, format) = (Input::Packed, WeightFormat::Integer { bits: first.bits, zeros: false });
    let (tiling, grid) = tiling(1, outputs as usize, format, input, capability).ok()?;
    let [inputs, words, groups, shift] = first.shape;
    let mut buffers: Vec<Part<'a>> = [first.x[0], first.out, second.out, first.x[1]].map(Part::from).to_vec();
    buffers.extend(first.weights.into_iter().chain(second.weights));
    Some(Dispatch {
        kernel: Kernel::Stacked { tiling, bits: first.bits, activations: [first.activation, second.activation] },
        buffers,
        params: vec![1, inputs, outputs, words, groups, shift, first.outputs, grid[0]],
        grid,
    })
}
