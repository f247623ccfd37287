//! The largest or the mean value of windows that slide over an image.

use crate::graph::Window;

/// x `[B, H, W, C]`, given as its shape → out `[B, steps, C]`; padding is left out.
#[expect(clippy::cast_precision_loss, reason = "a count")]
pub fn reference(
    x: &[f32],
    shape: &[usize],
    size: [usize; 2],
    window: Window,
    steps: [usize; 2],
    mean: bool,
    out: &mut [f32],
) {
    let (image, channels) = ([shape[1], shape[2]], shape[3]);
    for (pixel, out) in out.chunks_exact_mut(channels).enumerate() {
        let (step, batch) = ([pixel / steps[1] % steps[0], pixel % steps[1]], pixel / steps[1] / steps[0]);
        let along = |axis: usize| {
            let first = step[axis] * window.stride[axis];
            let inside = move |position: usize| position.checked_sub(window.padding[axis]);
            (first..first + size[axis]).filter_map(inside).filter(move |&position| position < image[axis])
        };
        out.fill(if mean { 0.0 } else { f32::MIN });
        let mut count = 0;
        for (row, column) in along(0).flat_map(|row| along(1).map(move |column| (row, column))) {
            let x = &x[((batch * image[0] + row) * image[1] + column) * channels..][..channels];
            count += 1;
            for (out, x) in out.iter_mut().zip(x) {
                *out = if mean { *out + x } else { out.max(*x) };
            }
        }
        if mean {
            out.iter_mut().for_each(|out| *out /= count as f32);
        }
    }
}
