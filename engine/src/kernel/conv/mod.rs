//! Convolutions over images with channels last: `[B, H, W, C]` → `[B, H', W', O]`.
//!
//! A convolution is a product of patches with the weights. The CPU lays out a few patches at a time; the GPU
//! reads them where they are. Depthwise convolutions have one channel a group and are computed directly.

mod cpu;
mod reference;

pub use cpu::cpu;
pub use reference::reference;

use crate::graph::window::Extent;

/// Where the value of x is that a window at `step` sees at `offset` in both directions, without its channel.
fn place(extent: &Extent, step: [usize; 2], offset: [usize; 2]) -> Option<usize> {
    let along = |axis: usize| {
        let position = step[axis] * extent.window.stride[axis] + offset[axis];
        position.checked_sub(extent.window.padding[axis]).filter(|&position| position < extent.image[axis])
    };
    Some(along(0)? * extent.strides[1] + along(1)? * extent.strides[2])
}
