//! The plain and the fast forms on the CPU of what models of images and sounds do beside those of text.

use super::{Operand, activation, batch_norm, conv, copy, elementwise, group_norm, resize, weight_norm, window};
use crate::{
    error::{Error, Result},
    graph::{Activation, Op},
};

/// Which form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The plain one.
    Reference,
    /// The fast one. What moves memory only has none of its own.
    Fast,
}

/// Computes `op` into `out` and says whether it is one of these.
pub fn run(form: Form, op: Op, operands: &[Operand<'_>], out: &mut [f32]) -> Result<bool> {
    let plain = form == Form::Reference;
    let activate = |by: Option<Activation>, values: &mut [f32]| match by {
        Some(by) if plain => activation::reference(by, values),
        Some(by) => activation::cpu(by, values),
        None => {}
    };
    let unfit = || Error::internal(format!("{op:?} does not take these shapes"));
    match (op, operands) {
        (Op::Conv(by), [x, weight, bias @ ..]) => {
            let extent = by.extent(x.shape, weight.shape).ok_or_else(unfit)?;
            let bias = bias.first().map(Operand::f32).transpose()?;
            let compute = if plain { conv::reference } else { conv::cpu };
            compute(&extent, x.f32()?, weight.f32()?, bias, out);
            activate(by.activation, out);
        }
        (Op::Pool { size, window, mean }, [x]) => {
            let &[_, height, width, _] = x.shape else { return Err(unfit()) };
            let steps = window.steps([height, width], size).ok_or_else(unfit)?;
            window::reference(x.f32()?, x.shape, size, window, steps, mean, out);
        }
        (Op::Copy(by), [x]) => {
            let compute = if plain { copy::reference } else { copy::cpu };
            compute(&by, x.f32()?, out);
        }
        (Op::Concat { axis }, [a, b]) => {
            let held = |operand: &Operand<'_>| operand.shape[axis..].iter().product();
            copy::concat(a.f32()?, b.f32()?, held(a), held(b), out);
        }
        (Op::BatchNorm { epsilon, activation, .. }, [x, mean, variance, scale, shift, rest @ ..]) => {
            let statistics = [mean.f32()?, variance.f32()?, scale.f32()?, shift.f32()?];
            let residual = rest.first().map(Operand::f32).transpose()?;
            let compute = if plain { batch_norm::reference } else { batch_norm::cpu };
            compute(x.f32()?, statistics, residual, epsilon, out);
            activate(activation, out);
        }
        (Op::GroupNorm { groups, epsilon, activation }, [x, scale, shift]) => {
            let positions = x.shape[1..x.shape.len() - 1].iter().product();
            let compute = if plain { group_norm::reference } else { group_norm::cpu };
            compute(x.f32()?, scale.f32()?, shift.f32()?, positions, (groups, epsilon), out);
            activate(activation, out);
        }
        (Op::ScaleAdd, [x, scale, residual]) => elementwise::scale_add(x.f32()?, scale.f32()?, residual.f32()?, out),
        (Op::ScaleExp, [x, s]) => elementwise::scale_exp(x.f32()?, s.f32()?[0], out),
        (Op::Activate(by), [x]) => {
            out.copy_from_slice(x.f32()?);
            activate(Some(by), out);
        }
        (Op::Resize { length }, [x]) => {
            resize::reference(x.f32()?, x.shape[x.shape.len() - 2], length, x.width(), out);
        }
        (Op::WeightNorm, [directions, lengths]) => weight_norm::reference(directions.f32()?, lengths.f32()?, out),
        (Op::MaskRows, [x, mask]) => elementwise::mask_rows(x.f32()?, mask.i32()?, x.width(), out),
        _ => return Ok(false),
    }
    Ok(true)
}
