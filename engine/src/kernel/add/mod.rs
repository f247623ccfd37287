//! Sum of two tensors.

/// out = a + b, with b repeated over what a has more of.
pub fn reference(a: &[f32], b: &[f32], out: &mut [f32]) {
    for (a, out) in a.chunks_exact(b.len()).zip(out.chunks_exact_mut(b.len())) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a + b;
        }
    }
}
