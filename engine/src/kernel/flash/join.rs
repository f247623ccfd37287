//! Parts of attention, and one result of them.

use crate::{graph::part_width, kernel::attention::MASKED};

/// parts `[splits, …, w]` → `[…, d]`: weighed again by how far the largest score of each is from the largest of all.
pub fn join(parts: &[f32], shape: &[usize], width: usize, out: &mut [f32]) {
    let part_width = part_width(width);
    let step = parts.len() / shape[0].max(1);
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        let found = || (0..shape[0]).map(|split| &parts[split * step + row * part_width..][..part_width]);
        let largest = found().fold(MASKED, |largest, part| largest.max(part[part_width - 4]));
        let share = |part: &[f32]| (part[part_width - 4] - largest).exp();
        let sum: f32 = found().map(|part| part[part_width - 3] * share(part)).sum();
        for (c, out) in out.iter_mut().enumerate() {
            let value: f32 = found().map(|part| part[c] * share(part)).sum();
            *out = if sum > 0.0 { value / sum } else { 0.0 };
        }
    }
}

/// A finished result `[…, d]` as the first part of several, of which the others saw nothing: on a CPU nobody looks
/// at keys side by side.
pub(super) fn part(result: &[f32], width: usize, parts: &mut [f32]) {
    let part_width = part_width(width);
    for part in parts.chunks_exact_mut(part_width) {
        part.fill(0.0);
        part[part_width - 4] = MASKED;
    }
    for (part, result) in parts.chunks_exact_mut(part_width).zip(result.chunks_exact(width)) {
        part[..width].copy_from_slice(result);
        part[part_width - 4] = 0.0;
        part[part_width - 3] = 1.0;
    }
}
