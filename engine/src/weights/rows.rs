//! Rows of a weight on their way into its storage format.

use super::{
    Declared, Format, Role, Weight,
    integer::{self, Factors, Layout},
};
use crate::{
    device::Buffer,
    error::{Error, Result},
    load::{Dtype, synthetic::Distribution},
};

pub(super) fn convert(dtype: Dtype, bytes: &[u8]) -> Result<Vec<f32>> {
    dtype.to_f32(bytes).ok_or_else(|| Error::internal(format!("{dtype:?} is no float")))
}

/// Values of a matrix with exchanged axes in the order of `shape` `[rows, columns]`.
pub(super) fn transpose(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let rows = shape.first().copied().unwrap_or(1);
    (0..rows).flat_map(|row| values.iter().skip(row).step_by(rows)).copied().collect()
}

/// Activations keep their variance from layer to layer, and attention is neither flat nor one-hot.
#[expect(clippy::cast_precision_loss, reason = "a width")]
pub(super) fn distribution(weight: &Declared) -> Distribution {
    match weight.role {
        Role::Linear | Role::Conv => {
            Distribution::Bell(weight.gain / (weight.shape.iter().skip(1).product::<usize>() as f32).sqrt())
        }
        Role::Embedding | Role::Table => Distribution::Bell(weight.gain * 0.02),
        Role::Scale => Distribution::Constant(1.0),
        Role::Bias => Distribution::Constant(0.0),
    }
}

/// A weight while its rows arrive.
pub(super) struct Target {
    pub(super) format: Format,
    pub(super) factors: Factors,
}

impl Target {
    pub(super) fn new(format: Format) -> Self {
        Self { format, factors: Factors::default() }
    }
}

/// Writes whole rows from row `first` on in the format of the weight.
pub(super) fn write_rows(
    weight: &Weight,
    declared: &Declared,
    first: usize,
    values: &[f32],
    target: &mut Target,
) -> Result<()> {
    match (weight, target.format) {
        (Weight::Integer { layout, codes, scales, zeros, .. }, Format::Integer { calibration, .. }) => {
            let mut words = Vec::with_capacity(values.len() / layout.columns * layout.row_words());
            integer::quantize(
                *layout,
                calibration,
                declared.importance.as_deref(),
                values,
                &mut words,
                &mut target.factors,
            )?;
            codes.write((first * layout.row_words() * 4) as u64, bytemuck::cast_slice(&words))?;
            complete(*layout, scales, zeros.as_ref(), &mut target.factors)?;
            Ok(())
        }
        (Weight::F16 { layout, halves }, _) => {
            let words = layout.pack(values);
            halves.write((first * layout.row_words() * 4) as u64, bytemuck::cast_slice(&words))
        }
        (Weight::F32(buffer), _) => {
            let columns = declared.shape.last().copied().unwrap_or(1);
            buffer.write((first * columns * 4) as u64, bytemuck::cast_slice(values))
        }
        (Weight::Integer { .. }, _) => Err(Error::internal("a weight differs from its format")),
    }
}

/// Writes scales and zero points once those of every row are there.
pub(super) fn complete(layout: Layout, scales: &Buffer, zeros: Option<&Buffer>, factors: &mut Factors) -> Result<()> {
    if factors.complete(layout) {
        let (packed_scales, packed_zeros) = std::mem::take(factors).pack(layout);
        scales.write(0, bytemuck::cast_slice(&packed_scales))?;
        if let Some(zeros) = zeros {
            zeros.write(0, bytemuck::cast_slice(&packed_zeros))?;
        }
    }
    Ok(())
}
