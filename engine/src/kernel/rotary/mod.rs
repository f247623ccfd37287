//! Rotary position embedding (Su et al. 2021), the two halves of a head as pairs.

/// x, out `[R, heads · d]`, positions `[R]`, cosines and sines `[P, half]` with 2 · half ≤ d. A position
/// outside the table turns nothing; inputs are checked long before.
pub fn reference(x: &[f32], positions: &[i32], table: [&[f32]; 2], half: usize, head: usize, out: &mut [f32]) {
    out.copy_from_slice(x);
    let width = out.len() / positions.len().max(1);
    for (&position, row) in positions.iter().zip(out.chunks_exact_mut(width.max(1))) {
        let start = usize::try_from(position).unwrap_or(usize::MAX).saturating_mul(half);
        let angles = table.map(|values| values.get(start..start.saturating_add(half)));
        let [Some(cosines), Some(sines)] = angles else { continue };
        for head in row.chunks_exact_mut(head) {
            let (first, rest) = head.split_at_mut(half);
            for (((a, b), cosine), sine) in first.iter_mut().zip(rest).zip(cosines).zip(sines) {
                (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
            }
        }
    }
}
