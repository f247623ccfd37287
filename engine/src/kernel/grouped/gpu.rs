//! The GPU forms' buffers, parameters and grids.

use super::Place;
use crate::{
    device::{Buffer, gpu::Capability},
    error::{Error, Result},
    graph::Op,
    kernel::{
        gpu::{Dispatch, FEW_ROWS, Operand, groups, invocations, number, product, row_threads, whole, words},
        shader::{Kernel, Tiling},
    },
};

/// The dispatch of one step of attention; `None` for another operation.
pub fn dispatch<'a>(
    op: Op,
    operands: &[Operand<'a>],
    out: &'a Buffer,
    capability: Capability,
) -> Result<Option<Dispatch<'a>>> {
    Ok(Some(match (op, operands) {
        (Op::Append { .. }, [cache, x, past, table @ ..]) => {
            let place = place(cache, cache.shape[1])?;
            let count: usize = x.shape.iter().product();
            let mut buffers = whole([x.plain()?, past.plain()?]);
            for operand in table {
                buffers.push(operand.plain()?.into());
            }
            buffers.push(out.into());
            let half = table.last().map_or(0, Operand::width);
            Dispatch {
                kernel: Kernel::Append { turned: !table.is_empty() },
                buffers,
                params: words(&[x.shape[1], place.heads, place.width, place.rows, count, half])?,
                grid: invocations(count)?,
            }
        }
        (Op::GroupedScores { heads, scale, causal }, [q, key, past]) => {
            let [batch, length, hidden] = [q.shape[0], q.shape[1], q.shape[2]];
            let width = hidden / heads;
            let key_heads = if key.shape.len() == 3 { key.shape[2] / width } else { key.shape[1] };
            let place = place(key, key_heads)?;
            let (tiling, grid) = tiles(length, place.rows, batch * heads, capability)?;
            let mut params = words(&[length, place.rows, heads, heads / place.heads, width])?;
            params.extend(words(&place.strides)?);
            params.extend([u32::from(causal), scale.to_bits()]);
            let buffers = whole([q.plain()?, key.plain()?, past.plain()?, out]);
            Dispatch { kernel: Kernel::GroupedScores { tiling }, buffers, params, grid }
        }
        (Op::GroupedSoftmax { causal, biased, .. }, [scores, mask, past, rest @ ..]) => {
            let [heads, length, keys] = [scores.shape[1], scores.shape[2], scores.shape[3]];
            let bias = rest.first().unwrap_or(mask);
            let mut params = words(&[scores.rows(), length, heads, keys])?;
            params.extend([u32::from(causal), number(bias.shape[0] / 2)?]);
            Dispatch {
                kernel: Kernel::GroupedSoftmax { biased, threads: row_threads(capability) },
                buffers: whole([mask.plain()?, past.plain()?, bias.plain()?, out]),
                params,
                grid: groups(scores.rows())?,
            }
        }
        (Op::GroupedContext { kv_heads, causal }, [shares, value, past]) => {
            let [batch, heads, length] = [shares.shape[0], shares.shape[1], shares.shape[2]];
            let place = place(value, kv_heads)?;
            let (tiling, grid) = tiles(length, place.width, batch * heads, capability)?;
            let mut params = words(&[length, place.rows, heads, heads / place.heads, place.width])?;
            params.extend(words(&place.strides)?);
            params.push(u32::from(causal));
            let buffers = whole([shares.plain()?, value.plain()?, past.plain()?, out]);
            Dispatch { kernel: Kernel::GroupedContext { tiling }, buffers, params, grid }
        }
        _ => return Ok(None),
    }))
}

fn place(operand: &Operand<'_>, heads: usize) -> Result<Place> {
    let place = Place::new(operand.shape, heads);
    place.ok_or_else(|| Error::internal("no keys or values").found(format!("{:?}", operand.shape)))
}

/// A few rows leave tiles empty: then every thread computes one result, or some of them together where they run at once.
fn tiles(rows: usize, columns: usize, batch: usize, capability: Capability) -> Result<(Tiling, [u32; 3])> {
    if rows > FEW_ROWS {
        return product(rows, columns, batch, capability);
    }
    let tiling = if capability.software { Tiling::Single } else { Tiling::Sliced };
    Ok((tiling, [number(columns.div_ceil(64))?, number(rows)?, number(batch)?]))
}
