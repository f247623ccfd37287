//! The fast form on the CPU.

use crate::{
    error::Result,
    graph::Activation,
    kernel::{
        Operand, activation,
        matmul::{Rows, transposed},
    },
};

/// Rows of a compressed matrix that are unpacked at a time: enough to pay for passing over x once more,
/// few enough to stay in the second-level cache.
const UNPACKED: usize = 16;

/// x `[…, K]`, weight `[N, K]`, addend `[N]`, `[…, N]` or none → out `[…, N]`
pub fn cpu(
    x: &[f32],
    weight: Operand<'_>,
    addend: Option<&[f32]>,
    activation: Option<Activation>,
    out: &mut [f32],
) -> Result<()> {
    let [outputs, inputs] = [weight.shape[0], weight.width()];
    // Rows of x are put in order once, those of weights are many.
    let ordered = in_order(x, inputs, weight.order());
    let x = ordered.as_deref().unwrap_or(x);
    let x = Rows { data: x, start: 0, stride: inputs, count: x.len() / inputs };
    let addend_stride = if addend.is_some_and(|addend| addend.len() > outputs) { outputs } else { 0 };
    let mut multiply = |rows: &[f32], first: usize| {
        let weight = Rows { data: rows, start: 0, stride: inputs, count: rows.len() / inputs };
        transposed(x, weight, inputs, |m, n, sum| {
            out[m * outputs + first + n] = sum + addend.map_or(0.0, |addend| addend[m * addend_stride + first + n]);
        });
    };
    if weight.is_compressed() {
        let mut rows = vec![0.0; UNPACKED.min(outputs) * inputs];
        for first in (0..outputs).step_by(UNPACKED) {
            let rows = &mut rows[..UNPACKED.min(outputs - first) * inputs];
            for (index, row) in rows.chunks_exact_mut(inputs).enumerate() {
                weight.columns(first + index, row)?;
            }
            multiply(rows, first);
        }
    } else {
        multiply(weight.f32()?, 0);
    }
    if let Some(activation) = activation {
        activation::cpu(activation, out);
    }
    Ok(())
}

/// Rows of x with their inputs in an order, if there is one.
fn in_order(x: &[f32], inputs: usize, order: &[u32]) -> Option<Vec<f32>> {
    if order.is_empty() {
        return None;
    }
    let mut ordered = Vec::with_capacity(x.len());
    for row in x.chunks_exact(inputs) {
        ordered.extend(order.iter().map(|&input| row.get(input as usize).copied().unwrap_or(0.0)));
    }
    Some(ordered)
}
