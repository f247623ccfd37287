//! The plain form, with sums in 64 bits.

use super::place;
use crate::graph::window::Extent;

/// x, weight and bias as [`crate::graph::Op::Conv`] has them, without the activation.
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn reference(extent: &Extent, x: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
    let Extent { groups, steps, size, inputs, outputs, .. } = *extent;
    let channels = groups * outputs;
    for (index, out) in out.iter_mut().enumerate() {
        let (o, pixel) = (index % channels, index / channels);
        let (step, batch) = ([pixel / steps[1] % steps[0], pixel % steps[1]], pixel / steps[1] / steps[0]);
        let weight = &weight[o * extent.inner()..];
        let first = batch * extent.strides[0] + o / outputs * inputs * extent.strides[3];
        let mut sum = bias.map_or(0.0, |bias| f64::from(bias[o]));
        for (k, &weight) in weight[..extent.inner()].iter().enumerate() {
            let (channel, tap) = (k / (size[0] * size[1]), k % (size[0] * size[1]));
            if let Some(place) = place(extent, step, [tap / size[1], tap % size[1]]) {
                sum += f64::from(weight) * f64::from(x[first + place + channel * extent.strides[3]]);
            }
        }
        *out = sum as f32;
    }
}
