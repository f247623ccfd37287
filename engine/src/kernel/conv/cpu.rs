//! The fast forms on the CPU.

use super::place;
use crate::{
    graph::window::Extent,
    kernel::matmul::{Rows, transposed},
};

/// Floats of patches that are laid out at a time: they stay in the second-level cache.
const PATCHES: usize = 1 << 16;

/// x, weight and bias as [`crate::graph::Op::Conv`] has them, without the activation.
pub fn cpu(extent: &Extent, x: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    if extent.inputs == 1 && extent.outputs == 1 && extent.strides[3] == 1 {
        depthwise(extent, x, weight, bias, out);
    } else {
        dense(extent, x, weight, bias, out);
    }
}

fn dense(extent: &Extent, x: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let Extent { groups, steps, outputs, .. } = *extent;
    let (inner, channels, pixels) = (extent.inner(), groups * outputs, steps[0] * steps[1]);
    let block = (PATCHES / inner).clamp(2, pixels.max(2));
    let mut patches = vec![0.0; block * inner];
    for (batch, out) in out.chunks_exact_mut(pixels * channels).enumerate() {
        for group in 0..groups {
            let x = &x[batch * extent.strides[0] + group * extent.inputs * extent.strides[3]..];
            let weight = Rows { data: weight, start: group * outputs * inner, stride: inner, count: outputs };
            for first in (0..pixels).step_by(block) {
                let count = block.min(pixels - first);
                for (index, patch) in patches[..count * inner].chunks_exact_mut(inner).enumerate() {
                    let pixel = first + index;
                    lay_out(extent, x, [pixel / steps[1], pixel % steps[1]], patch);
                }
                let rows = Rows { data: &patches, start: 0, stride: inner, count };
                transposed(rows, weight, inner, |m, n, sum| {
                    let channel = group * outputs + n;
                    out[(first + m) * channels + channel] = sum + bias.map_or(0.0, |bias| bias[channel]);
                });
            }
        }
    }
}

/// What a window sees, in the order of the weights: channel, row, column.
fn lay_out(extent: &Extent, x: &[f32], step: [usize; 2], patch: &mut [f32]) {
    let taps = extent.size[0] * extent.size[1];
    for tap in 0..taps {
        let values = patch[tap..].iter_mut().step_by(taps);
        match place(extent, step, [tap / extent.size[1], tap % extent.size[1]]) {
            Some(place) => {
                for (value, x) in values.zip(x[place..].iter().step_by(extent.strides[3])) {
                    *value = *x;
                }
            }
            None => values.for_each(|value| *value = 0.0),
        }
    }
}

/// One channel a group: every tap adds a whole pixel, with the channels side by side.
fn depthwise(extent: &Extent, x: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let Extent { groups: channels, steps, size, .. } = *extent;
    let taps = size[0] * size[1];
    let by_tap: Vec<f32> = (0..taps * channels).map(|i| weight[i % channels * taps + i / channels]).collect();
    for (pixel, out) in out.chunks_exact_mut(channels).enumerate() {
        let (step, batch) = ([pixel / steps[1] % steps[0], pixel % steps[1]], pixel / steps[1] / steps[0]);
        match bias {
            Some(bias) => out.copy_from_slice(bias),
            None => out.fill(0.0),
        }
        for (tap, weight) in by_tap.chunks_exact(channels).enumerate() {
            let Some(place) = place(extent, step, [tap / size[1], tap % size[1]]) else { continue };
            let x = &x[batch * extent.strides[0] + place..][..channels];
            for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
                *out += x * weight;
            }
        }
    }
}
