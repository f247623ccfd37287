//! From operation to form on the CPU.

use super::{Bias, Memory, Place, Reach, append, cpu, reference};
use crate::{
    error::{Error, Result},
    graph::Op,
    kernel::{Operand, rotary},
};

/// Computes `op` into `out` if it is a step of grouped attention, and says whether it is.
pub fn run(op: Op, operands: &[Operand<'_>], out: &mut [f32], fast: bool) -> Result<bool> {
    match (op, operands) {
        (Op::Append { heads, .. }, [x, past, table @ ..]) => {
            let [batch, width] = [x.shape[0], x.width() / heads];
            let shape = [batch, heads, out.len() / (batch * heads * width), width];
            let mut turned = Vec::new();
            if let [positions, cosines, sines] = table {
                turned.resize(x.f32()?.len(), 0.0);
                let table = [cosines.f32()?, sines.f32()?];
                rotary::reference(x.f32()?, positions.i32()?, table, cosines.width(), width, &mut turned);
            }
            let x_there = if table.is_empty() { x.f32()? } else { &turned };
            append(x_there, x.shape, past.i32()?, place(&shape, heads)?, out);
        }
        (Op::GroupedScores { heads, scale, causal }, [q, key, past]) => {
            let width = q.width() / heads;
            let key_heads = if key.shape.len() == 3 { key.width() / width } else { key.shape[1] };
            let (key, reach) = (memory(key, key_heads)?, Reach::new(causal, past.i32()?));
            let form = if fast { cpu::scores } else { reference::scores };
            form(q.f32()?, q.shape[1], heads, key, scale, reach, out);
        }
        (Op::GroupedSoftmax { heads, causal, .. }, [mask, past, rest @ ..]) => {
            let [batch, keys] = [mask.shape[0], mask.shape[1]];
            let shape = [batch, heads, out.len() / (batch * heads * keys), keys];
            let bias = rest.first().map(|bias| Ok::<_, Error>(Bias { table: bias.f32()?, heads })).transpose()?;
            let form = if fast { cpu::softmax } else { reference::softmax };
            form(mask.i32()?, shape, Reach::new(causal, past.i32()?), bias, out);
        }
        (Op::GroupedContext { kv_heads, causal }, [shares, value, past]) => {
            let shape = shares.shape.try_into().map_err(|_| Error::internal("scores without four axes"))?;
            let (value, reach) = (memory(value, kv_heads)?, Reach::new(causal, past.i32()?));
            let form = if fast { cpu::context } else { reference::context };
            form(shares.f32()?, shape, value, reach, out);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn memory<'a>(operand: &Operand<'a>, heads: usize) -> Result<Memory<'a>> {
    Ok(Memory { data: operand.f32()?, place: place(operand.shape, heads)? })
}

fn place(shape: &[usize], heads: usize) -> Result<Place> {
    Place::new(shape, heads).ok_or_else(|| Error::internal("no keys or values").found(format!("{shape:?}")))
}
