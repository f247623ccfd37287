//! The table of plain forms.

use super::{
    Operand, activation, add, attention, flash, gather, grouped, layer_norm, linear, memory, pointwise, pool, rms_norm,
    rotary, sample, select, sound,
    spatial::{self, Form},
};
use crate::{
    error::{Error, Result},
    graph::Op,
};

/// Computes `op` into `out`. For an operation in place, `out` holds the first operand and `operands` the rest.
pub fn run(op: Op, operands: &[Operand<'_>], out: &mut [f32]) -> Result<()> {
    match (op, operands) {
        (Op::Gather, [ids, table]) => gather::reference(ids.i32()?, *table, out)?,
        (Op::Add, [a, b]) => add::reference(a.f32()?, b.f32()?, out),
        (Op::LayerNorm { epsilon, .. }, [x, scale, shift, rest @ ..]) => {
            let residual = rest.first().map(Operand::f32).transpose()?;
            layer_norm::reference(x.f32()?, residual, scale.f32()?, shift.f32()?, epsilon, out);
        }
        (Op::Linear { activation }, [x, weight, rest @ ..]) => {
            let addend = rest.first().map(Operand::f32).transpose()?;
            linear::reference(x.f32()?, *weight, addend, out)?;
            if let Some(activation) = activation {
                activation::reference(activation, out);
            }
        }
        (Op::AttentionScores { heads, scale }, [q, k]) => {
            attention::reference::scores(q.f32()?, k.f32()?, q.shape, k.shape, heads, scale, out);
        }
        (Op::AttentionSoftmax { queries, keys, causal }, mask) => {
            let mask = mask.first().map(Operand::i32).transpose()?;
            attention::reference::softmax(mask, [queries, keys], causal, out);
        }
        (Op::AttentionContext, [shares, v]) => {
            attention::reference::context(shares.f32()?, v.f32()?, shares.shape, v.width(), out);
        }
        (Op::Flash(how), _) => flash::reference::run(&flash::Attention::new(&how, operands)?, out),
        (Op::Join { width }, [partial]) => flash::join(partial.f32()?, partial.shape, width, out),
        (Op::FirstRow, [x]) => pool::first_row(x.f32()?, x.shape[1], x.shape[2], out),
        (Op::MeanRows, [x, mask]) => pool::mean_rows(x.f32()?, mask.i32()?, x.shape[1], x.shape[2], out),
        (Op::Normalize, [x]) => pool::normalize(x.f32()?, x.width(), out),
        (Op::RmsNorm { epsilon }, [x, scale]) => rms_norm::reference(x.f32()?, scale.f32()?, epsilon, out),
        (Op::Rotary { heads }, [x, positions, cosines, sines]) => {
            let table = [cosines.f32()?, sines.f32()?];
            rotary::reference(x.f32()?, positions.i32()?, table, cosines.width(), x.width() / heads, out);
        }
        (Op::Multiply, [a, b]) => pointwise::multiply(a.f32()?, b.f32()?, out),
        (Op::Scale { factor }, [x]) => pointwise::scale(x.f32()?, factor, out),
        (Op::Columns { first, count }, [x]) => select::columns(x.f32()?, x.width(), first, count, out),
        (Op::Windows { size, stride, padding }, [x]) => {
            let shape = [x.shape[0], x.shape[1], x.shape[2]];
            select::windows(x.f32()?, shape, size, stride, padding, out);
        }
        (Op::TakeRow, [x, rows]) => select::take_row(x.f32()?, rows.i32()?, x.shape[1], x.shape[2], out),
        (Op::Argmax, [logits]) => sample::argmax(logits.f32()?, logits.width(), bytemuck::cast_slice_mut(out)),
        (Op::Sample(sampling), [logits, draws]) => {
            let out = bytemuck::cast_slice_mut(out);
            sample::sample(logits.f32()?, draws.f32()?, logits.width(), sampling, out);
        }
        (Op::Sound(op), _) if sound::run(op, operands, out)? => {}
        _ if grouped::run(op, operands, out, false)? => {}
        _ if memory::run(op, operands, out)? => {}
        _ if spatial::run(Form::Reference, op, operands, out)? => {}
        _ => return Err(Error::internal(format!("{op:?} with {} operands", operands.len()))),
    }
    Ok(())
}
