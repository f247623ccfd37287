//! Rows of a table, by id.

use crate::{error::Result, kernel::Operand};

/// ids `[R]`, table `[V, width]` → out `[R, width]`. An id outside the table gives zeros; inputs are
/// checked long before.
pub fn reference(ids: &[i32], table: Operand<'_>, out: &mut [f32]) -> Result<()> {
    for (id, out) in ids.iter().zip(out.chunks_exact_mut(table.width())) {
        match usize::try_from(*id).ok().filter(|id| *id < table.shape[0]) {
            Some(id) => table.row(id, out)?,
            None => out.fill(0.0),
        }
    }
    Ok(())
}
