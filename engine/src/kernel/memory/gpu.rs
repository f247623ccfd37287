//! The GPU forms' buffers, parameters and grids.

use crate::{
    device::Buffer,
    error::{Error, Result},
    graph::{Op, turned_together},
    kernel::{
        gpu::{Dispatch, Operand, groups, invocations, whole, words},
        shader::Kernel,
    },
};

/// The dispatch of an operation on caches; `None` for another operation.
pub fn dispatch<'a>(op: Op, operands: &[Operand<'a>], out: &'a Buffer) -> Result<Option<Dispatch<'a>>> {
    Ok(Some(match (op, operands) {
        (Op::Store(how), [cache, x, past, places @ ..]) => {
            let &[batch, length, hidden] = x.shape else { return Err(Error::internal("rows have three axes")) };
            let width = hidden / how.heads;
            let steps = if how.placed { how.ring.fixed } else { length };
            let count = batch * how.heads * steps;
            let turned = if how.turned { turned_together(width) } else { 1 };
            let mut params = words(&[length, how.heads, width, how.ring.all(), cache.width()])?;
            params.extend(words(&[how.ring.from, how.ring.fixed, how.ring.rows, usize::from(how.placed)])?);
            params.push(how.stored.bits());
            params.extend(words(&[turned, count])?);
            let places = places.first().unwrap_or(past).plain()?;
            Dispatch {
                kernel: Kernel::Store,
                buffers: whole([x.plain()?, past.plain()?, places, out]),
                params,
                grid: groups(count)?,
            }
        }
        (Op::Turn { heads }, [x]) => {
            let (count, width) = (x.rows() * heads, x.width() / heads);
            Dispatch {
                kernel: Kernel::Turn,
                buffers: whole([x.plain()?, out]),
                params: words(&[width, turned_together(width), count])?,
                grid: groups(count)?,
            }
        }
        (Op::Importance { kv_heads, counted }, [shares]) => {
            let &[batch, heads, length, keys] = shares.shape else {
                return Err(Error::internal("shares have four axes"));
            };
            let count = batch * kv_heads * keys;
            Dispatch {
                kernel: Kernel::Importance,
                buffers: whole([shares.plain()?, out]),
                params: words(&[kv_heads, heads / kv_heads, length, keys, usize::from(counted), count])?,
                grid: invocations(count)?,
            }
        }
        (Op::Select(how), [places, importance, mask]) => {
            let &[batch, heads, length] = importance.shape else {
                return Err(Error::internal("importance has three axes"));
            };
            let count = batch * heads * length;
            Dispatch {
                kernel: Kernel::Select,
                buffers: whole([importance.plain()?, mask.plain()?, out]),
                params: words(&[heads, length, mask.width(), places.width(), how.sinks, how.recent, count])?,
                grid: groups(count.div_ceil(64))?,
            }
        }
        _ => return Ok(None),
    }))
}
