//! The plain form, with sums in 64 bits.

use crate::{error::Result, kernel::Operand};

/// x `[…, K]`, weight `[N, K]`, addend `[N]`, `[…, N]` or none → out `[…, N]`
#[expect(clippy::cast_possible_truncation, reason = "back to f32")]
pub fn reference(x: &[f32], weight: Operand<'_>, addend: Option<&[f32]>, out: &mut [f32]) -> Result<()> {
    let [outputs, inputs] = [weight.shape[0], weight.width()];
    let mut plain = vec![0.0; outputs * inputs];
    for (index, row) in plain.chunks_exact_mut(inputs).enumerate() {
        weight.row(index, row)?;
    }
    for (row, (x, out)) in x.chunks_exact(inputs).zip(out.chunks_exact_mut(outputs)).enumerate() {
        for (index, (weight, out)) in plain.chunks_exact(inputs).zip(out).enumerate() {
            let sum: f64 = x.iter().zip(weight).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
            let added = addend.map_or(0.0, |addend| addend[(row * outputs + index) % addend.len()]);
            *out = (sum + f64::from(added)) as f32;
        }
    }
    Ok(())
}
