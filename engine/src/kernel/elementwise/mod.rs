//! What is done to every value by itself.

/// x, residual, out `[…, C]`, scale `[C]`: x · scale + residual
pub fn scale_add(x: &[f32], scale: &[f32], residual: &[f32], out: &mut [f32]) {
    for (index, (out, x)) in out.iter_mut().zip(x).enumerate() {
        *out = x * scale[index % scale.len()] + residual[index];
    }
}

/// x · exp(s)
pub fn scale_exp(x: &[f32], s: f32, out: &mut [f32]) {
    let factor = s.exp();
    for (out, x) in out.iter_mut().zip(x) {
        *out = x * factor;
    }
}

/// x, out `[R, W]`, mask `[R]`: x, and 0 where the mask is 0
pub fn mask_rows(x: &[f32], mask: &[i32], width: usize, out: &mut [f32]) {
    for ((out, x), &mask) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(mask) {
        if mask == 0 {
            out.fill(0.0);
        } else {
            out.copy_from_slice(x);
        }
    }
}
