//! The table of plain forms.

use super::{
    Operand, activation, add, attention, gather, layer_norm, linear, pool,
    spatial::{self, Form},
};
use crate::{error::Result, graph::Op};

/// Computes `op` into `out`. For an operation in place, `out` holds the first operand and `operands` the rest.
pub fn run(op: Op, operands: &[Operand<'_>], out: &mut [f32]) -> Result<()> {
    match (op, operands) {
        (Op::Gather, [ids, table]) => gather::reference(ids.i32()?, table.f32()?, table.width(), out),
        (Op::Add, [a, b]) => add::reference(a.f32()?, b.f32()?, out),
        (Op::LayerNorm { epsilon, .. }, [x, scale, shift, rest @ ..]) => {
            let residual = rest.first().map(Operand::f32).transpose()?;
            layer_norm::reference(x.f32()?, residual, scale.f32()?, shift.f32()?, epsilon, out);
        }
        (Op::Linear { activation }, [x, weight, bias]) => {
            linear::reference(x.f32()?, *weight, bias.f32()?, out)?;
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
        (Op::FirstRow, [x]) => pool::first_row(x.f32()?, x.shape[1], x.shape[2], out),
        (Op::MeanRows, [x, mask]) => pool::mean_rows(x.f32()?, mask.i32()?, x.shape[1], x.shape[2], out),
        (Op::Normalize, [x]) => pool::normalize(x.f32()?, x.width(), out),
        _ => return spatial::run(Form::Reference, op, operands, out),
    }
    Ok(())
}
