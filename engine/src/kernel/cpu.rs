//! The table of fast forms on the CPU. What moves memory only is as fast as its reference.

use super::{
    Operand, attention, flash, grouped, layer_norm, linear, memory, reference, rms_norm,
    spatial::{self, Form},
};
use crate::{error::Result, graph::Op};

/// Computes `op` into `out`. For an operation in place, `out` holds the first operand and `operands` the rest.
pub fn run(op: Op, operands: &[Operand<'_>], out: &mut [f32]) -> Result<()> {
    match (op, operands) {
        (Op::LayerNorm { epsilon, .. }, [x, scale, shift, rest @ ..]) => {
            let residual = rest.first().map(Operand::f32).transpose()?;
            layer_norm::cpu(x.f32()?, residual, scale.f32()?, shift.f32()?, epsilon, out);
        }
        (Op::Linear { activation }, [x, weight, rest @ ..]) => {
            let addend = rest.first().map(Operand::f32).transpose()?;
            linear::cpu(x.f32()?, *weight, addend, activation, out)?;
        }
        (Op::AttentionScores { heads, scale }, [q, k]) => {
            attention::cpu::scores(q.f32()?, k.f32()?, q.shape, k.shape, heads, scale, out);
        }
        (Op::AttentionSoftmax { queries, keys, causal }, mask) => {
            let mask = mask.first().map(Operand::i32).transpose()?;
            attention::cpu::softmax(mask, [queries, keys], causal, out);
        }
        (Op::AttentionContext, [shares, v]) => {
            attention::cpu::context(shares.f32()?, v.f32()?, shares.shape, v.width(), out);
        }
        (Op::Flash(how), _) => flash::cpu::run(&flash::Attention::new(&how, operands)?, out),
        (Op::Join { width }, [partial]) => flash::join(partial.f32()?, partial.shape, width, out),
        (Op::RmsNorm { epsilon }, [x, scale]) => rms_norm::cpu(x.f32()?, scale.f32()?, epsilon, out),
        _ if grouped::run(op, operands, out, true)? => {}
        _ if memory::run(op, operands, out)? => {}
        _ if spatial::run(Form::Fast, op, operands, out)? => {}
        _ => return reference::run(op, operands, out),
    }
    Ok(())
}
