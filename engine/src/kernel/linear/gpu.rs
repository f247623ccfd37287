//! Which kernels compute a linear layer on a GPU, by shape, format and what the GPU can do.

use std::ops::Range;

use crate::{
    device::{Buffer, gpu::Capability},
    error::{Error, Result},
    graph::{Activation, Op},
    kernel::{
        gpu::{Dispatch, FEW_ROWS, Operand, groups, number, parts, product, whole, words},
        shader::{Input, Kernel, MOST_LANES, MOST_STEPS, ROW_THREADS, Tiling},
        weight::{self, WeightFormat},
    },
    protocol::Activations,
    weights::integer::BLOCK,
};

/// Threads of a workgroup of teams.
const THREADS: u32 = 256;
/// Rows and columns of a wide tile.
const WIDE: [usize; 2] = [64, 128];
/// Up to so many rows of x every result has a thread of its own on an adapter that runs on a CPU: barriers are what
/// costs there.
const SINGLE_ROWS: usize = 2;
/// Up to so many rows of weights, two subgroups share one: too few would be at work.
const FEW_COLUMNS: usize = 4096;
/// With more rows of weights than this a team takes two, which halves the reads of x.
pub const MANY_COLUMNS: usize = 8192;
/// Columns of a tile on matrix units.
const MATRIX_COLUMNS: usize = 128;
/// With fewer tiles than this on matrix units, lower ones spread better over the GPU.
const ENOUGH_MATRICES: usize = 128;
/// With fewer wide tiles than this, smaller ones spread better over the GPU.
const FEW_WIDE: usize = 64;

/// Where x is kept as signed bytes, as 16-bit floats, or in another order, between two dispatches.
pub struct Packed {
    /// `[rows, blocks, 32]` bytes or 16-bit floats, or `[rows, inputs]` floats.
    pub codes: Buffer,
    /// Of bytes `[rows, blocks]` pairs: scale, scale · Σ codes.
    pub factors: Buffer,
}

/// Bytes of [`Packed`] that the operation needs: of the codes and of the factors.
#[must_use]
pub fn packed_bytes(op: Op, operands: &[Operand<'_>], capability: Capability) -> Option<[u64; 2]> {
    let (Op::Linear { .. }, [x, weight, ..]) = (op, operands) else { return None };
    let blocks = (x.rows() * x.width().div_ceil(BLOCK)) as u64;
    match form(x.rows(), x.width(), weight, capability) {
        Input::Packed => Some([blocks * BLOCK as u64, blocks * 8]),
        Input::Halves => Some([blocks * BLOCK as u64 * 2, 0]),
        Input::Scalar | Input::Vector => weight::order(weight).map(|_| [(4 * x.rows() * x.width()) as u64, 0]),
    }
}

/// The dispatches of `activation(x · weightᵀ + addend)`: several when the weight has to be bound in parts, or
/// when x is packed or put in order first.
pub fn dispatch<'a>(
    activation: Option<Activation>,
    [x, weight]: [&Operand<'a>; 2],
    addend: Option<&Operand<'a>>,
    out: &'a Buffer,
    packed: Option<&'a Packed>,
    capability: Capability,
) -> Result<Vec<Dispatch<'a>>> {
    let (rows, inputs, outputs) = (x.rows(), x.width(), weight.shape[0]);
    let format = WeightFormat::of(weight);
    let input = form(rows, inputs, weight, capability);
    let packed = || packed.ok_or_else(|| Error::internal("no memory for packed rows"));
    let adds = addend.map_or(0, |addend| if addend.rows() > 1 { 2 } else { 1 });
    let blocks = inputs.div_ceil(BLOCK);
    let order = weight::order(weight);
    let ordered = order.is_some();
    let kernel = match input {
        Input::Packed => Some(Kernel::Pack { ordered }),
        Input::Halves => Some(Kernel::Halve { ordered }),
        Input::Scalar | Input::Vector => ordered.then_some(Kernel::Reorder),
    };
    let first = if kernel.is_some() { &packed()?.codes } else { x.plain()? };
    let factors = if input == Input::Packed { Some(&packed()?.factors) } else { None };
    let mut dispatches = Vec::new();
    if let Some(kernel) = kernel {
        let buffers = whole([x.plain()?, first]).into_iter().chain(factors.into_iter().chain(order).map(Into::into));
        dispatches.push(Dispatch {
            // 256 threads a workgroup, for a block each has eight or four.
            kernel,
            buffers: buffers.collect(),
            params: words(&[rows, inputs, blocks])?,
            grid: groups((rows * blocks).div_ceil(if factors.is_some() { 32 } else { 64 }))?,
        });
    }
    let part = |columns: Range<usize>| {
        let mut buffers = whole([first, addend.unwrap_or(x).plain()?, out]);
        buffers.extend(factors.map(Into::into));
        buffers.extend(weight::buffers(weight, &columns)?);
        let mut params = words(&[rows, inputs, columns.len()])?;
        params.extend(weight::params(weight)?);
        let (tiling, grid) = tiling([rows, inputs, columns.len()], format, input, capability)?;
        params.extend(words(&[columns.start, outputs, adds, grid[0] as usize])?);
        Ok(Dispatch { kernel: Kernel::Linear { tiling, format, input, activation }, buffers, params, grid })
    };
    for columns in parts(weight, capability)? {
        dispatches.push(part(columns)?);
    }
    Ok(dispatches)
}

/// Dispatches with as little packing as possible: layers that read the same x, such as query, key and value, have it
/// packed once, and by what makes it if that can. Weights with an order of their own share nothing.
#[must_use]
pub fn with_shared_packing(steps: Vec<Dispatch<'_>>) -> Vec<Dispatch<'_>> {
    let mut held: Option<(Kernel, Vec<&Buffer>, Vec<u32>)> = None;
    let mut kept: Vec<Dispatch<'_>> = Vec::with_capacity(steps.len());
    for step in steps {
        if matches!(step.kernel, Kernel::Pack { .. } | Kernel::Halve { .. } | Kernel::Reorder) {
            let bound: Vec<&Buffer> = step.buffers.iter().map(|part| part.buffer).collect();
            let same = |(kernel, buffers, params): &(Kernel, Vec<&Buffer>, Vec<u32>)| {
                let equal = buffers.iter().zip(&bound).all(|(held, wanted)| std::ptr::eq(*held, *wanted));
                *kernel == step.kernel && equal && *params == step.params
            };
            if held.as_ref().is_some_and(same) {
                continue;
            }
            held = Some((step.kernel, bound, step.params.clone()));
            if step.kernel == (Kernel::Pack { ordered: false })
                && kept.last_mut().is_some_and(|maker| packs(maker, &step))
            {
                continue;
            }
        } else if step.writes().any(|out| held.as_ref().is_some_and(|(_, buffers, _)| std::ptr::eq(buffers[0], out))) {
            held = None;
        }
        kept.push(step);
    }
    kept
}

/// Makes the dispatch that makes x pack it too; `false` if it can't, or makes something else.
fn packs<'a>(maker: &mut Dispatch<'a>, pack: &Dispatch<'a>) -> bool {
    if !maker.writes().all(|out| std::ptr::eq(out, pack.buffers[0].buffer)) {
        return false;
    }
    match &mut maker.kernel {
        Kernel::RmsNorm { packs, threads } | Kernel::LayerNorm { packs, threads, .. }
            if maker.params[..2] == pack.params[..2] =>
        {
            // Whole blocks at a time.
            (*packs, *threads) = (true, ROW_THREADS.max(*threads));
        }
        // Whole blocks of heads that lie behind each other.
        Kernel::Join { packs, .. } if joins(&maker.params, &pack.params) => *packs = true,
        Kernel::Multiply { packs } if maker.params[0] == pack.params[0] * pack.params[1] => {
            *packs = true;
            maker.params.clone_from(&pack.params);
            maker.grid = pack.grid;
        }
        _ => return false,
    }
    maker.buffers.extend(pack.buffers[1..].iter().cloned());
    true
}

/// Whether rows of heads are, in whole blocks, the rows that are packed.
fn joins(joined: &[u32], packed: &[u32]) -> bool {
    let ([rows, _, width, _, heads, ..], [packed_rows, inputs, ..]) = (joined, packed) else { return false };
    *rows == packed_rows * heads && *inputs == width * heads && width.is_multiple_of(BLOCK as u32)
}

/// How x is read: as integer weights ask for it, or as is fastest. Matrix units take 16-bit floats, which is exact
/// enough where weights are no 32-bit floats, and worth it for many rows.
fn form(rows: usize, inputs: usize, weight: &Operand<'_>, capability: Capability) -> Input {
    let format = WeightFormat::of(weight);
    let packs = capability.packed_dot && matches!(format, WeightFormat::Integer { .. });
    let fits_matrices = on_matrices(rows, capability) && format != WeightFormat::F32;
    let (halves, bytes) = match weight::activations(weight) {
        Activations::F32 => (false, false),
        Activations::F16 => (true, false),
        Activations::Int8 if packs => (false, true),
        Activations::Auto | Activations::Int8 => (fits_matrices, packs && !capability.software),
    };
    if halves {
        Input::Halves
    } else if bytes {
        Input::Packed
    } else if inputs.is_multiple_of(4) {
        Input::Vector
    } else {
        Input::Scalar
    }
}

/// Whether a product with 16-bit floats is one for matrix units.
fn on_matrices(rows: usize, capability: Capability) -> bool {
    capability.matrices && rows > FEW_ROWS
}

/// How the product is cut up, and its grid.
pub(super) fn tiling(
    [rows, inputs, columns]: [usize; 3],
    format: WeightFormat,
    input: Input,
    capability: Capability,
) -> Result<(Tiling, [u32; 3])> {
    let wide = [columns.div_ceil(WIDE[1]), rows.div_ceil(WIDE[0])];
    if input == Input::Halves && on_matrices(rows, capability) {
        let grid = |down: u32| [columns.div_ceil(MATRIX_COLUMNS), rows.div_ceil(32 * down as usize)];
        // Large tiles read less, low ones keep more of the GPU at work.
        let down = if grid(4).into_iter().product::<usize>() < ENOUGH_MATRICES { 2 } else { 4 };
        let [across, below] = grid(down);
        product(rows, columns, 1, capability)?;
        return Ok((Tiling::Matrix { down }, [number(across)?, number(below)?, 1]));
    }
    if rows > FEW_ROWS {
        // A tile is the only form for many rows of packed x.
        if input != Input::Packed && (capability.software || wide[0] * wide[1] < FEW_WIDE) {
            return product(rows, columns, 1, capability);
        }
        product(rows, columns, 1, capability)?;
        return Ok((Tiling::Wide, [number(wide[0])?, number(wide[1])?, 1]));
    }
    // Bytes are multiplied by teams wherever they are.
    let software = capability.software && input != Input::Packed;
    if software && rows > SINGLE_ROWS {
        return product(rows, columns, 1, capability);
    }
    // Floats that are no vectors are not read sixteen bytes at a time.
    if software || (format == WeightFormat::F32 && input == Input::Scalar) {
        return Ok((Tiling::Single, [number(columns.div_ceil(64))?, number(rows)?, 1]));
    }
    let exchange = if capability.subgroup >= 4 { capability.subgroup.min(MOST_LANES) } else { 0 };
    let lanes = if exchange > 0 { exchange } else { MOST_LANES };
    let (together, beside, lanes) = match (rows, input) {
        (1, Input::Packed) if columns <= FEW_COLUMNS && exchange > 0 => (1, 1, 2 * exchange),
        (1, Input::Packed) => (1, if columns <= MANY_COLUMNS { 1 } else { 2 }, lanes),
        (1, _) => (1, 4, lanes),
        _ => (4, 2, lanes),
    };
    let whole = beside == 1 && exchange > 0 && capability.subgroup_most == exchange;
    // Teams of two subgroups have the fewest threads for a row.
    let steps = number(inputs.div_ceil(BLOCK))?.div_ceil(lanes);
    let steps = if lanes == 2 * exchange && steps <= MOST_STEPS { steps } else { 0 };
    let tiling = Tiling::Team { rows: together, columns: beside, lanes, exchange, whole, steps };
    let [across, down, _] = groups(columns.div_ceil((THREADS / lanes * beside) as usize))?;
    Ok((tiling, [across, down, number(rows.div_ceil(together as usize))?]))
}
