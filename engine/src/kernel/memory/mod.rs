//! Keys and values of earlier passes: rows into their storage format and place, and the choice of those that stay.

#[cfg(feature = "gpu")]
pub mod gpu;
mod row;

pub use row::{read, turn, write};

use super::Operand;
use crate::{
    error::{Error, Result},
    graph::{Op, Select, Store, turned_together},
};

/// Computes `op` into `out` if it is about caches, and says whether it is.
pub fn run(op: Op, operands: &[Operand<'_>], out: &mut [f32]) -> Result<bool> {
    match (op, operands) {
        (Op::Store(how), [x, past, places @ ..]) => {
            let places = places.first().map(Operand::i32).transpose()?;
            store(&how, x.f32()?, x.shape, past.i32()?, places, bytemuck::cast_slice_mut(out));
        }
        (Op::Turn { heads }, [x]) => {
            out.copy_from_slice(x.f32()?);
            out.chunks_exact_mut(x.width() / heads).for_each(turn);
        }
        (Op::Importance { kv_heads, counted }, [shares]) => {
            let shape = shares.shape.try_into().map_err(|_| Error::internal("shares without four axes"))?;
            importance(shares.f32()?, shape, kv_heads, counted, out);
        }
        (Op::Select(how), [importance, mask]) => {
            let shape = importance.shape.try_into().map_err(|_| Error::internal("importance without three axes"))?;
            select(how, importance.f32()?, shape, mask.i32()?, bytemuck::cast_slice_mut(out));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// cache `[B, kv, T, words]` in place, x `[B, S, kv · d]`
fn store(how: &Store, x: &[f32], shape: &[usize], past: &[i32], places: Option<&[i32]>, cache: &mut [u32]) {
    let past = past.first().and_then(|&past| usize::try_from(past).ok()).unwrap_or(0);
    let [batch, length, hidden] = [shape[0], shape[1], shape[2]];
    let width = hidden / how.heads;
    let words = how.stored.words(width);
    let mut row = vec![0.0; width];
    let mut put = |batch: usize, head: usize, step: usize, to: usize| {
        if to < how.ring.all() {
            row.copy_from_slice(&x[(batch * length + step) * hidden + head * width..][..width]);
            if how.turned {
                turn(&mut row);
            }
            let start = ((batch * how.heads + head) * how.ring.all() + to) * words;
            write(how.stored, &row, &mut cache[start..start + words]);
        }
    };
    for batch in 0..batch {
        for head in 0..how.heads {
            match places {
                Some(places) => {
                    let places = &places[(batch * how.heads + head) * how.ring.fixed..][..how.ring.fixed];
                    for (to, &place) in places.iter().enumerate() {
                        if let Some(step) = usize::try_from(place).ok().and_then(|place| place.checked_sub(1)) {
                            put(batch, head, step.min(length - 1), to);
                        }
                    }
                }
                // In order: where several go to one row, the last one stays.
                None => (0..length).for_each(|step| put(batch, head, step, how.ring.row(past + step))),
            }
        }
    }
}

/// shares `[B, heads, S, T]` → `[B, kv, T]`
fn importance(shares: &[f32], [_, heads, length, keys]: [usize; 4], kv_heads: usize, counted: bool, out: &mut [f32]) {
    #[expect(clippy::cast_precision_loss, reason = "a number of keys")]
    let even = 1.0 / keys as f32;
    let group = heads / kv_heads;
    for (out, shares) in out.chunks_exact_mut(keys).zip(shares.chunks_exact(group * length * keys)) {
        out.fill(0.0);
        for row in shares.chunks_exact(keys) {
            for (out, &share) in out.iter_mut().zip(row) {
                *out += if counted { f32::from(u8::from(share > even)) } else { share };
            }
        }
    }
}

/// importance `[B, kv, S]`, mask `[B, C]` → places `[B, kv, N]`, those of most importance first.
fn select(how: Select, importance: &[f32], [batch, heads, length]: [usize; 3], mask: &[i32], places: &mut [i32]) {
    let columns = mask.len() / batch;
    let count = places.len() / (batch * heads);
    for (index, places) in places.chunks_exact_mut(count).enumerate() {
        let importance = &importance[index * length..][..length];
        let mask = &mask[index / heads * columns..][..length];
        let worth = |token: usize| match mask[token] {
            0 => -1.0,
            _ if token < how.sinks || token + how.recent >= length => f32::MAX,
            _ => importance[token],
        };
        let mut order: Vec<usize> = (0..length).collect();
        order.sort_by(|&a, &b| worth(b).total_cmp(&worth(a)));
        for (place, token) in places.iter_mut().zip(order) {
            *place = if mask[token] == 0 { 0 } else { i32::try_from(token + 1).unwrap_or(0) };
        }
    }
}

/// The factor that keeps lengths when a head of this width is turned.
#[expect(clippy::cast_precision_loss, reason = "at most 256")]
fn turned_factor(width: usize) -> f32 {
    1.0 / (turned_together(width) as f32).sqrt()
}
