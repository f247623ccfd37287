//! Rows of a table, by id.

/// ids `[R]`, table `[V, width]` → out `[R, width]`. An id outside the table gives zeros; inputs are
/// checked long before.
pub fn reference(ids: &[i32], table: &[f32], width: usize, out: &mut [f32]) {
    for (id, out) in ids.iter().zip(out.chunks_exact_mut(width)) {
        let row = usize::try_from(*id).ok().and_then(|id| table.get(id * width..(id + 1) * width));
        match row {
            Some(row) => out.copy_from_slice(row),
            None => out.fill(0.0),
        }
    }
}
