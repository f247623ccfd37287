//! The table of GPU forms: operation and shapes → kernel, buffers, parameters and grid.

pub mod sound;
pub mod spatial;

use std::ops::Range;

use super::{
    linear,
    shader::{Access, Kernel, LONG_ROW_THREADS, ROW_THREADS, ROW_THREADS_SOFTWARE, Tiling, WeightFormat},
    weight,
};
use crate::{
    device::{Buffer, gpu::Capability},
    error::{Error, Result},
    graph::Op,
    weights::{Weight, integer::Layout},
};

/// Up to this many rows a linear layer reads its weights once instead of tiling.
pub(crate) const FEW_ROWS: usize = 8;
/// From this width on more threads share a row where there are few.
const LONG_ROW: usize = 1024;
/// With fewer tiles of 64 × 64 than this, smaller ones spread better over the GPU.
const FEW_TILES: u64 = 256;
/// Workgroups in one dimension of a grid, on every device.
pub(super) const GRID_LIMIT: u32 = 65535;

/// What a GPU kernel reads.
pub struct Operand<'a> {
    /// Row-major shape.
    pub shape: &'a [usize],
    /// Where it is.
    pub memory: Memory<'a>,
}

/// An operand's buffers.
pub enum Memory<'a> {
    /// Plain values.
    Buffer(&'a Buffer),
    /// A weight in its format.
    Weight(&'a Weight),
}

/// A buffer, or a range of its bytes.
#[derive(Clone)]
pub struct Part<'a> {
    /// The buffer.
    pub buffer: &'a Buffer,
    /// The range, if it is not all of it.
    pub range: Option<Range<u64>>,
}

impl<'a> From<&'a Buffer> for Part<'a> {
    fn from(buffer: &'a Buffer) -> Self {
        Self { buffer, range: None }
    }
}

/// Buffers that are bound as they are.
pub(crate) fn whole<'a, const N: usize>(buffers: [&'a Buffer; N]) -> Vec<Part<'a>> {
    buffers.map(Part::from).to_vec()
}

impl<'a> Part<'a> {
    /// Rows of a matrix whose rows have `bits` bits.
    pub(super) fn rows(buffer: &'a Buffer, rows: &Range<usize>, bits: u64) -> Self {
        let end = (rows.end as u64 * bits).div_ceil(8).next_multiple_of(4).min(buffer.bytes());
        let range = rows.start as u64 * bits / 8..end;
        Self { buffer, range: Some(range) }
    }
}

/// One dispatch.
pub struct Dispatch<'a> {
    /// Which pipeline.
    pub kernel: Kernel,
    /// Storage in the order of the kernel's bindings, without the parameters.
    pub buffers: Vec<Part<'a>>,
    /// The `Params` of the shader, word by word.
    pub params: Vec<u32>,
    /// Workgroups.
    pub grid: [u32; 3],
}

impl<'a> Dispatch<'a> {
    /// The buffers it writes.
    pub fn writes(&self) -> impl Iterator<Item = &'a Buffer> {
        let storage = self.kernel.bindings().into_iter().filter(|access| *access != Access::Uniform);
        let written = storage.zip(&self.buffers).filter(|(access, _)| *access == Access::Write);
        written.map(|(_, part)| part.buffer).collect::<Vec<_>>().into_iter()
    }
}

impl<'a> Operand<'a> {
    pub(super) fn plain(&self) -> Result<&'a Buffer> {
        match self.memory {
            Memory::Buffer(buffer) | Memory::Weight(Weight::F32(buffer)) => Ok(buffer),
            Memory::Weight(Weight::F16 { .. } | Weight::Integer { .. }) => {
                Err(Error::internal("a compressed matrix where plain numbers are needed"))
            }
        }
    }

    pub(super) fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    pub(super) fn rows(&self) -> usize {
        self.shape.iter().product::<usize>() / self.width()
    }
}

/// The dispatches that compute `op` into `out`: one, unless a weight has to be bound in parts or its input to
/// be packed into `packed` first.
pub fn dispatch<'a>(
    op: Op,
    operands: &[Operand<'a>],
    out: &'a Buffer,
    packed: Option<&'a linear::gpu::Packed>,
    capability: Capability,
) -> Result<Vec<Dispatch<'a>>> {
    let dispatch = match (op, operands) {
        (Op::Gather, [ids, table]) => return gather(ids, table, out, capability),
        (Op::Add, [a, b]) => {
            let length: usize = a.shape.iter().product();
            let period = b.shape.iter().product();
            let buffers = whole([a.plain()?, b.plain()?, out]);
            Dispatch { kernel: Kernel::Add, buffers, params: words(&[length, period])?, grid: invocations(length)? }
        }
        (Op::LayerNorm { epsilon, residual }, [x, scale, shift, rest @ ..]) => {
            let third = rest.first().unwrap_or(x).plain()?;
            let mut params = words(&[x.rows(), x.width()])?;
            params.push(epsilon.to_bits());
            Dispatch {
                kernel: Kernel::LayerNorm { residual, threads: threads_of(x, capability), packs: false },
                buffers: whole([x.plain()?, scale.plain()?, shift.plain()?, third, out]),
                params,
                grid: groups(x.rows())?,
            }
        }
        (Op::Linear { activation }, [x, weight, rest @ ..]) => {
            return linear::gpu::dispatch(activation, [x, weight], rest.first(), out, packed, capability);
        }
        (Op::AttentionScores { heads, scale }, [q, k]) => {
            let [batch, length, hidden] = axes(q)?;
            let keys = k.shape[1];
            let (tiling, grid) = product(length, keys, batch * heads, capability)?;
            let mut params = words(&[length, keys, heads, hidden / heads])?;
            params.push(scale.to_bits());
            Dispatch {
                kernel: Kernel::AttentionScores { tiling },
                buffers: whole([q.plain()?, k.plain()?, out]),
                params,
                grid,
            }
        }
        (Op::AttentionSoftmax { queries, keys, causal }, [scores, mask @ ..]) => {
            let rows_per_batch = scores.rows() / scores.shape[0];
            let mut buffers = whole([out]);
            for mask in mask {
                buffers.push(mask.plain()?.into());
            }
            Dispatch {
                kernel: Kernel::AttentionSoftmax { threads: row_threads(capability), masked: !mask.is_empty() },
                buffers,
                params: words(&[scores.rows(), keys, rows_per_batch, queries, usize::from(causal)])?,
                grid: groups(scores.rows())?,
            }
        }
        (Op::AttentionContext, [shares, v]) => {
            let [batch, keys, hidden] = axes(v)?;
            let [heads, length] = [shares.shape[1], shares.shape[2]];
            let (tiling, grid) = product(length, hidden / heads, batch * heads, capability)?;
            Dispatch {
                kernel: Kernel::AttentionContext { tiling },
                buffers: whole([shares.plain()?, v.plain()?, out]),
                params: words(&[length, keys, heads, hidden / heads])?,
                grid,
            }
        }
        (Op::Flash(flash), _) => super::flash::gpu::dispatch(&flash, operands, out, capability)?,
        (Op::Join { width }, [partial]) => super::flash::gpu::join(partial, width, out)?,
        (Op::FirstRow, [x]) => {
            let [batch, length, width] = axes(x)?;
            Dispatch {
                kernel: Kernel::FirstRow,
                buffers: whole([x.plain()?, out]),
                params: words(&[batch, length, width])?,
                grid: invocations(batch * width)?,
            }
        }
        (Op::MeanRows, [x, mask]) => {
            let [batch, length, width] = axes(x)?;
            Dispatch {
                kernel: Kernel::MeanRows,
                buffers: whole([x.plain()?, mask.plain()?, out]),
                params: words(&[batch, length, width])?,
                grid: invocations(batch * width)?,
            }
        }
        (Op::Normalize, [x]) => Dispatch {
            kernel: Kernel::Normalize { threads: threads_of(x, capability) },
            buffers: whole([x.plain()?, out]),
            params: words(&[x.rows(), x.width()])?,
            grid: groups(x.rows())?,
        },
        (Op::RmsNorm { epsilon }, [x, scale]) => {
            let mut params = words(&[x.rows(), x.width()])?;
            params.push(epsilon.to_bits());
            Dispatch {
                kernel: Kernel::RmsNorm { threads: threads_of(x, capability), packs: false },
                buffers: whole([x.plain()?, scale.plain()?, out]),
                params,
                grid: groups(x.rows())?,
            }
        }
        (Op::Rotary { heads }, [x, positions, cosines, sines]) => {
            let length = x.rows() * x.width();
            Dispatch {
                kernel: Kernel::Rotary,
                buffers: whole([x.plain()?, positions.plain()?, cosines.plain()?, sines.plain()?, out]),
                params: words(&[length, x.width(), x.width() / heads, cosines.width()])?,
                grid: invocations(length)?,
            }
        }
        (Op::Multiply, [a, b]) => {
            let length = a.rows() * a.width();
            let buffers = whole([a.plain()?, b.plain()?, out]);
            Dispatch {
                kernel: Kernel::Multiply { packs: false },
                buffers,
                params: words(&[length])?,
                grid: invocations(length)?,
            }
        }
        (Op::Scale { factor }, [x]) => {
            let length = x.rows() * x.width();
            let params = vec![number(length)?, factor.to_bits()];
            let buffers = whole([x.plain()?, out]);
            Dispatch { kernel: Kernel::Scale, buffers, params, grid: invocations(length)? }
        }
        (Op::Columns { first, count }, [x]) => Dispatch {
            kernel: Kernel::Columns,
            buffers: whole([x.plain()?, out]),
            params: words(&[x.rows() * count, x.width(), first, count])?,
            grid: invocations(x.rows() * count)?,
        },
        (Op::Windows { size, stride, padding }, [x]) => {
            let [batch, length, width] = axes(x)?;
            let steps = (length + 2 * padding - size) / stride + 1;
            let count = batch * steps * width * size;
            Dispatch {
                kernel: Kernel::Windows,
                buffers: whole([x.plain()?, out]),
                params: words(&[count, length, width, steps, size, stride, padding])?,
                grid: invocations(count)?,
            }
        }
        (Op::TakeRow, [x, rows]) => {
            let [batch, length, width] = axes(x)?;
            Dispatch {
                kernel: Kernel::TakeRow,
                buffers: whole([x.plain()?, rows.plain()?, out]),
                params: words(&[batch, length, width])?,
                grid: invocations(batch * width)?,
            }
        }
        (Op::Argmax, [logits]) => Dispatch {
            kernel: Kernel::Argmax { threads: threads_of(logits, capability) },
            buffers: whole([logits.plain()?, out]),
            params: words(&[logits.rows(), logits.width()])?,
            grid: groups(logits.rows())?,
        },
        (Op::Sample(sampling), [logits, draws]) => {
            let mut params = words(&[logits.rows(), logits.width(), sampling.top_k])?;
            params.extend([sampling.top_p.to_bits(), sampling.temperature.to_bits()]);
            // Mesa's adapter on the CPU ends all loops of a thread together after 65535 rounds, without a word.
            let threads = threads_of(logits, Capability { software: false, ..capability });
            Dispatch {
                kernel: Kernel::Sample { threads },
                buffers: whole([logits.plain()?, draws.plain()?, out]),
                params,
                grid: groups(logits.rows())?,
            }
        }
        (Op::Sound(op), _) => sound::dispatch(op, operands, out, capability)?,
        _ => {
            let attention = super::grouped::gpu::dispatch(op, operands, out, capability)?;
            match attention.map_or_else(|| super::memory::gpu::dispatch(op, operands, out), |found| Ok(Some(found)))? {
                Some(dispatch) => dispatch,
                None => spatial::dispatch(op, operands, out, capability)?,
            }
        }
    };
    Ok(vec![dispatch])
}

/// Threads that share the rows of x.
fn threads_of(x: &Operand<'_>, capability: Capability) -> u32 {
    let long = x.rows() <= FEW_ROWS && x.width() >= LONG_ROW;
    if long && !capability.software { LONG_ROW_THREADS } else { row_threads(capability) }
}

/// Threads that share a row.
pub(super) fn row_threads(capability: Capability) -> u32 {
    if capability.software { ROW_THREADS_SOFTWARE } else { ROW_THREADS }
}

fn gather<'a>(
    ids: &Operand<'a>,
    table: &Operand<'a>,
    out: &'a Buffer,
    capability: Capability,
) -> Result<Vec<Dispatch<'a>>> {
    let (rows, width) = (ids.shape.iter().product::<usize>(), table.width());
    let kernel = Kernel::Gather { format: WeightFormat::of(table), vectors: width.is_multiple_of(4) };
    let part = |entries: Range<usize>| {
        let mut buffers = whole([ids.plain()?, out]);
        buffers.extend(weight::buffers(table, &entries)?);
        let mut params = words(&[rows, width])?;
        params.extend(weight::params(table)?);
        params.extend(words(&[entries.start, entries.len()])?);
        Ok(Dispatch { kernel, buffers, params, grid: invocations(rows * width.div_ceil(4))? })
    };
    parts(table, capability)?.into_iter().map(part).collect()
}

/// Ranges of rows of a weight that can be bound one at a time.
pub(super) fn parts(weight: &Operand<'_>, capability: Capability) -> Result<Vec<Range<usize>>> {
    /// Rows of plain values between places where a binding may start.
    const PLAIN: usize = 64;
    let (rows, bytes) = (weight.shape[0], weight::row_bytes(weight));
    if rows as u64 * bytes <= capability.binding_limit {
        return Ok(std::iter::once(0..rows).collect());
    }
    let least = weight::layout(weight).map_or(PLAIN, Layout::binding_rows);
    let fitting = usize::try_from(capability.binding_limit / bytes).unwrap_or(usize::MAX);
    let step = fitting / least * least;
    if step == 0 {
        return Err(Error::unsupported("rows too long for one binding on this GPU")
            .expected(format!("at most {} bytes for {least} rows", capability.binding_limit))
            .found(format!("{bytes} bytes a row")));
    }
    Ok((0..rows).step_by(step).map(|first| first..rows.min(first + step)).collect())
}

fn axes(operand: &Operand<'_>) -> Result<[usize; 3]> {
    operand.shape.try_into().map_err(|_| Error::internal("not three axes").found(format!("{:?}", operand.shape)))
}

pub(super) fn number(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::internal("a size of more than 32 bits").found(value.to_string()))
}

pub(crate) fn words(values: &[usize]) -> Result<Vec<u32>> {
    values.iter().map(|&value| number(value)).collect()
}

/// A grid for one workgroup per item: a second dimension when there are too many for one.
pub(crate) fn groups(count: usize) -> Result<[u32; 3]> {
    let count = number(count)?;
    let lines = count.div_ceil(GRID_LIMIT);
    Ok([count.div_ceil(lines.max(1)), lines, 1])
}

/// A grid for one invocation per item, 256 to a workgroup.
pub(super) fn invocations(count: usize) -> Result<[u32; 3]> {
    groups(count.div_ceil(256))
}

/// How a product is cut up, and its grid. A workgroup shares what it reads, unless it only pretends to
/// run at once; it is small when large ones would leave most of the GPU idle.
pub(super) fn product(rows: usize, columns: usize, batch: usize, capability: Capability) -> Result<(Tiling, [u32; 3])> {
    let grid = |side: usize| Ok([number(columns.div_ceil(side))?, number(rows.div_ceil(side))?, number(batch)?]);
    let large: [u32; 3] = grid(64)?;
    let (tiling, grid) = if capability.software {
        (Tiling::Direct, grid(32)?)
    } else if large.into_iter().map(u64::from).product::<u64>() < FEW_TILES {
        (Tiling::Tile { side: 8 }, grid(32)?)
    } else {
        (Tiling::Tile { side: 16 }, large)
    };
    if grid.iter().any(|&count| count > GRID_LIMIT) {
        return Err(Error::unsupported("too many tiles for one dispatch")
            .expected(format!("at most {GRID_LIMIT} in each dimension"))
            .found(format!("{grid:?}"))
            .hint("use a smaller batch or a shorter sequence"));
    }
    Ok((tiling, grid))
}
