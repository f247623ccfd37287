//! Rows of a table, by id.

use crate::{error::Result, kernel::Operand};

/// ids `[R]`, table `[V, width]` → out `[R, width]`. An id outside the table gives zeros; inputs are
/// checked long before.
pub fn reference(ids: &[i32], table: Operand<'_>, out: &mut [f32]) -> Result<()> {
    let width = table.width();
    let plain = if table.quantized().is_some() { &[] } else { table.f32()? };
    for (id, out) in ids.iter().zip(out.chunks_exact_mut(width)) {
        match (usize::try_from(*id).ok().filter(|id| *id < table.shape[0]), table.quantized()) {
            (Some(id), Some(matrix)) => matrix.row(id, out),
            (Some(id), None) => out.copy_from_slice(&plain[id * width..(id + 1) * width]),
            (None, _) => out.fill(0.0),
        }
    }
    Ok(())
}
