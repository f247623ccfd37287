//! The table of GPU forms: operation and shapes → kernel, buffers, parameters and grid.

use super::shader::{Kernel, ROW_THREADS, ROW_THREADS_SOFTWARE, Tiling, WeightFormat};
use crate::{
    device::{Buffer, gpu::Capability},
    error::{Error, Result},
    graph::Op,
    weights::Weight,
};

/// Up to this many rows a linear layer reads its weights once instead of tiling.
const FEW_ROWS: usize = 8;
/// With fewer tiles of 64 × 64 than this, smaller ones spread better over the GPU.
const FEW_TILES: u64 = 256;
/// Workgroups in one dimension of a grid, on every device.
const GRID_LIMIT: u32 = 65535;

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

/// One dispatch.
pub struct Dispatch<'a> {
    /// Which pipeline.
    pub kernel: Kernel,
    /// Storage buffers in the order of the kernel's bindings, without the parameters.
    pub buffers: Vec<&'a Buffer>,
    /// The `Params` of the shader, word by word.
    pub params: Vec<u32>,
    /// Workgroups.
    pub grid: [u32; 3],
}

impl<'a> Operand<'a> {
    fn plain(&self) -> Result<&'a Buffer> {
        match self.memory {
            Memory::Buffer(buffer) | Memory::Weight(Weight::F32(buffer)) => Ok(buffer),
            Memory::Weight(Weight::Int4 { .. }) => {
                Err(Error::internal("a quantized matrix where plain numbers are needed"))
            }
        }
    }

    fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    fn rows(&self) -> usize {
        self.shape.iter().product::<usize>() / self.width()
    }
}

/// The dispatch that computes `op` into `out`.
pub fn dispatch<'a>(op: Op, operands: &[Operand<'a>], out: &'a Buffer, capability: Capability) -> Result<Dispatch<'a>> {
    let threads = if capability.software { ROW_THREADS_SOFTWARE } else { ROW_THREADS };
    let dispatch = match (op, operands) {
        (Op::Gather, [ids, table]) => {
            let rows: usize = ids.shape.iter().product();
            Dispatch {
                kernel: Kernel::Gather,
                buffers: vec![ids.plain()?, table.plain()?, out],
                params: words(&[rows, table.width()])?,
                grid: invocations(rows * table.width())?,
            }
        }
        (Op::Add, [a, b]) => {
            let length: usize = a.shape.iter().product();
            let buffers = vec![a.plain()?, b.plain()?, out];
            Dispatch { kernel: Kernel::Add, buffers, params: words(&[length])?, grid: invocations(length)? }
        }
        (Op::LayerNorm { epsilon, residual }, [x, scale, shift, rest @ ..]) => {
            let third = rest.first().unwrap_or(x).plain()?;
            let mut params = words(&[x.rows(), x.width()])?;
            params.push(epsilon.to_bits());
            Dispatch {
                kernel: Kernel::LayerNorm { residual, threads },
                buffers: vec![x.plain()?, scale.plain()?, shift.plain()?, third, out],
                params,
                grid: groups(x.rows())?,
            }
        }
        (Op::Linear { activation }, [x, weight, bias]) => linear(activation, x, weight, bias, out, capability)?,
        (Op::AttentionScores { heads, scale }, [q, k]) => {
            let [batch, length, hidden] = axes(q)?;
            let keys = k.shape[1];
            let (tiling, grid) = product(length, keys, batch * heads, capability)?;
            let mut params = words(&[length, keys, heads, hidden / heads])?;
            params.push(scale.to_bits());
            Dispatch {
                kernel: Kernel::AttentionScores { tiling },
                buffers: vec![q.plain()?, k.plain()?, out],
                params,
                grid,
            }
        }
        (Op::AttentionSoftmax, [scores, mask]) => {
            let rows_per_batch = scores.rows() / mask.shape[0];
            Dispatch {
                kernel: Kernel::AttentionSoftmax { threads },
                buffers: vec![mask.plain()?, out],
                params: words(&[scores.rows(), scores.width(), rows_per_batch])?,
                grid: groups(scores.rows())?,
            }
        }
        (Op::AttentionContext, [shares, v]) => {
            let [batch, keys, hidden] = axes(v)?;
            let [heads, length] = [shares.shape[1], shares.shape[2]];
            let (tiling, grid) = product(length, hidden / heads, batch * heads, capability)?;
            Dispatch {
                kernel: Kernel::AttentionContext { tiling },
                buffers: vec![shares.plain()?, v.plain()?, out],
                params: words(&[length, keys, heads, hidden / heads])?,
                grid,
            }
        }
        (Op::FirstRow, [x]) => {
            let [batch, length, width] = axes(x)?;
            Dispatch {
                kernel: Kernel::FirstRow,
                buffers: vec![x.plain()?, out],
                params: words(&[batch, length, width])?,
                grid: invocations(batch * width)?,
            }
        }
        (Op::MeanRows, [x, mask]) => {
            let [batch, length, width] = axes(x)?;
            Dispatch {
                kernel: Kernel::MeanRows,
                buffers: vec![x.plain()?, mask.plain()?, out],
                params: words(&[batch, length, width])?,
                grid: invocations(batch * width)?,
            }
        }
        (Op::Normalize, [x]) => Dispatch {
            kernel: Kernel::Normalize { threads },
            buffers: vec![x.plain()?, out],
            params: words(&[x.rows(), x.width()])?,
            grid: groups(x.rows())?,
        },
        _ => return Err(Error::internal(format!("{op:?} with {} operands", operands.len()))),
    };
    Ok(dispatch)
}

fn linear<'a>(
    activation: Option<crate::graph::Activation>,
    x: &Operand<'a>,
    weight: &Operand<'a>,
    bias: &Operand<'a>,
    out: &'a Buffer,
    capability: Capability,
) -> Result<Dispatch<'a>> {
    let (rows, outputs) = (x.rows(), weight.shape[0]);
    let mut buffers = vec![x.plain()?, bias.plain()?, out];
    let mut params = words(&[rows, x.width(), outputs])?;
    let format = if let Memory::Weight(Weight::Int4 { layout, nibbles, scales }) = weight.memory {
        buffers.extend([nibbles, scales]);
        params.extend(words(&[layout.row_words(), layout.groups()])?);
        params.push(layout.group.trailing_zeros());
        WeightFormat::Int4
    } else {
        buffers.push(weight.plain()?);
        params.extend([0; 3]);
        WeightFormat::F32
    };
    let (tiling, grid) = if rows <= FEW_ROWS {
        let [columns, lines, _] = groups(outputs.div_ceil(4))?;
        (Tiling::Rows, [columns, lines, number(rows.div_ceil(4))?])
    } else {
        product(rows, outputs, 1, capability)?
    };
    let vectors = x.width().is_multiple_of(4);
    Ok(Dispatch { kernel: Kernel::Linear { tiling, format, vectors, activation }, buffers, params, grid })
}

fn axes(operand: &Operand<'_>) -> Result<[usize; 3]> {
    operand.shape.try_into().map_err(|_| Error::internal("not three axes").found(format!("{:?}", operand.shape)))
}

fn number(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::internal("a size of more than 32 bits").found(value.to_string()))
}

fn words(values: &[usize]) -> Result<Vec<u32>> {
    values.iter().map(|&value| number(value)).collect()
}

/// A grid for one workgroup per item: a second dimension when there are too many for one.
fn groups(count: usize) -> Result<[u32; 3]> {
    let count = number(count)?;
    let lines = count.div_ceil(GRID_LIMIT);
    Ok([count.div_ceil(lines.max(1)), lines, 1])
}

/// A grid for one invocation per item, 256 to a workgroup.
fn invocations(count: usize) -> Result<[u32; 3]> {
    groups(count.div_ceil(256))
}

/// How a product is cut up, and its grid. A workgroup shares what it reads, unless it only pretends to
/// run at once; it is small when large ones would leave most of the GPU idle.
fn product(rows: usize, columns: usize, batch: usize, capability: Capability) -> Result<(Tiling, [u32; 3])> {
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
