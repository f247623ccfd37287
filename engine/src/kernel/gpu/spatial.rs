//! The GPU forms of what models of images and sounds do beside those of text.

use super::{Dispatch, Operand, groups, invocations, number, product, whole, words};
use crate::{
    device::{Buffer, gpu::Capability},
    error::{Error, Result},
    graph::{Op, Strided, copy::AXES, window::Extent},
    kernel::shader::{Kernel, ROW_THREADS, ROW_THREADS_SOFTWARE, spatial::Spatial},
};

/// With fewer channels a group than this, most of a tile would be empty.
const FEW_CHANNELS: usize = 4;

/// The dispatch that computes `op` into `out`.
pub fn dispatch<'a>(op: Op, operands: &[Operand<'a>], out: &'a Buffer, capability: Capability) -> Result<Dispatch<'a>> {
    let unfit = || Error::internal(format!("{op:?} with {} operands", operands.len()));
    let buffers = operands.iter().map(Operand::plain).collect::<Result<Vec<_>>>()?;
    let length = |operand: &Operand<'_>| operand.shape.iter().product::<usize>();
    let simple = |kernel, buffers, params: Vec<u32>, length| {
        Ok(Dispatch { kernel: Kernel::Spatial(kernel), buffers, params, grid: invocations(length)? })
    };
    match (op, operands, buffers.as_slice()) {
        (Op::Conv(by), [x, weight, rest @ ..], &[image, weights, ..]) => {
            let extent = by.extent(x.shape, weight.shape).ok_or_else(unfit)?;
            let bias = buffers.get(2).copied().unwrap_or(weights);
            let buffers = whole([image, bias, out, weights]);
            let params = conv_params(&extent, !rest.is_empty())?;
            let pixels = extent.steps[0] * extent.steps[1];
            if extent.outputs < FEW_CHANNELS {
                let length = extent.shape().iter().product();
                return simple(Spatial::ConvDirect { activation: by.activation }, buffers, params, length);
            }
            let (tiling, grid) = product(pixels, extent.outputs, extent.batch * extent.groups, capability)?;
            let kernel = Kernel::Spatial(Spatial::Conv { tiling, activation: by.activation });
            Ok(Dispatch { kernel, buffers, params, grid })
        }
        (Op::Pool { size, window, mean }, [x], &[image]) => {
            let &[batch, height, width, channels] = x.shape else { return Err(unfit()) };
            let steps = window.steps([height, width], size).ok_or_else(unfit)?;
            let length = batch * steps[0] * steps[1] * channels;
            let pairs = [[height, width], size, window.stride, window.padding, steps];
            let params = [pairs.as_flattened(), &[channels, length, usize::from(mean)]].concat();
            simple(Spatial::Window, whole([image, out]), words(&params)?, length)
        }
        (Op::Copy(by), [_], &[x]) => {
            let length = by.axes.iter().map(|axis| axis.size as usize).product();
            simple(Spatial::Copy, whole([x, out]), copy_params(&by, length)?, length)
        }
        (Op::Concat { axis }, [left, right], &[a, b]) => {
            let held = |operand: &Operand<'_>| operand.shape[axis..].iter().product::<usize>();
            let length = length(left) + length(right);
            let params = words(&[length, held(left), held(right)])?;
            simple(Spatial::Concat, whole([a, b, out]), params, length)
        }
        (Op::BatchNorm { epsilon, residual, activation }, [first, ..], &[x, mean, variance, scale, shift, ..]) => {
            let mut params = words(&[length(first), first.width()])?;
            params.push(epsilon.to_bits());
            let residue = buffers.get(5).copied().unwrap_or(x);
            let bound = whole([x, mean, variance, scale, shift, residue, out]);
            simple(Spatial::BatchNorm { residual, activation }, bound, params, length(first))
        }
        (Op::GroupNorm { groups: count, epsilon, activation }, [first, ..], &[x, scale, shift]) => {
            let [batch, channels] = [first.shape[0], first.width()];
            let mut params = words(&[batch, length(first) / batch / channels, channels, count])?;
            params.push(epsilon.to_bits());
            let threads = if capability.software { ROW_THREADS_SOFTWARE } else { ROW_THREADS };
            Ok(Dispatch {
                kernel: Kernel::Spatial(Spatial::GroupNorm { threads, activation }),
                buffers: whole([x, scale, shift, out]),
                params,
                grid: groups(batch * count)?,
            })
        }
        (Op::ScaleAdd, [first, ..], &[x, scale, residual]) => {
            let params = words(&[length(first), first.width()])?;
            simple(Spatial::ScaleAdd, whole([x, scale, residual, out]), params, length(first))
        }
        (Op::ScaleExp, [first, _], &[x, s]) => {
            simple(Spatial::ScaleExp, whole([x, s, out]), words(&[length(first)])?, length(first))
        }
        (Op::Activate(activation), [first], &[x]) => {
            simple(Spatial::Activate { activation }, whole([x, out]), words(&[length(first)])?, length(first))
        }
        (Op::Resize { length: to }, [first], &[x]) => {
            let from = first.shape[first.shape.len() - 2];
            // Positions are computed exactly, as products of the two.
            number(from * to)?;
            let length = length(first) / from * to;
            simple(Spatial::Resize, whole([x, out]), words(&[length, from, to, first.width()])?, length)
        }
        (Op::WeightNorm, [first, _], &[directions, lengths]) => {
            let threads = if capability.software { ROW_THREADS_SOFTWARE } else { ROW_THREADS };
            Ok(Dispatch {
                kernel: Kernel::Spatial(Spatial::WeightNorm { threads }),
                buffers: whole([directions, lengths, out]),
                params: words(&[length(first) / first.width(), first.width()])?,
                grid: groups(first.width())?,
            })
        }
        (Op::MaskRows, [first, _], &[x, mask]) => {
            let params = words(&[length(first), first.width()])?;
            simple(Spatial::MaskRows, whole([x, mask, out]), params, length(first))
        }
        _ => Err(unfit()),
    }
}

fn conv_params(extent: &Extent, bias: bool) -> Result<Vec<u32>> {
    let Extent { batch, groups, image, strides, size, window, steps, inputs, outputs } = *extent;
    let pairs = [image, size, window.stride, window.padding, steps];
    let params = [&[groups, inputs, outputs, usize::from(bias)], pairs.as_flattened(), &[batch], &strides];
    words(&params.concat())
}

fn copy_params(by: &Strided, length: usize) -> Result<Vec<u32>> {
    let wraps = (0..AXES).filter(|&a| by.axes[a].wrap).fold(0, |bits, a| bits | 1 << a);
    let mut params = vec![number(length)?, wraps, 0, 0];
    for axis in by.axes {
        let shift = if axis.wrap { axis.shift.rem_euclid(axis.limit.cast_signed().max(1)) } else { axis.shift };
        params.extend([axis.size, axis.stride, shift.cast_unsigned(), axis.limit]);
    }
    Ok(params)
}
