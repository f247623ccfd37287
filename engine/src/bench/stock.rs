//! Weights to compute with: a small matrix that is quantized for real, to check, and large ones whose words
//! only look like weights, to time.

use crate::{
    device::{Buffer, Category, Space},
    error::Result,
    load::synthetic::{Distribution, Synthetic},
    protocol::{Activations, BenchWeights, Calibration},
    weights::{
        Format, Weight, half,
        integer::{self, Factors, Layout},
    },
};

/// Words of one write; divides no row of usual width, so that rows differ.
const PIECE: usize = (4 << 20) / 4 - 4;

/// The storage format asked for.
pub fn format(weights: BenchWeights, activations: Activations) -> Format {
    match weights {
        BenchWeights::F32 => Format::F32,
        BenchWeights::F16 => Format::F16,
        BenchWeights::Integer { bits, group, zeros } => {
            Format::Integer { bits, group, zeros, calibration: Calibration::None, activations, ordered: false }
        }
    }
}

/// Numbers around zero.
pub fn bell(name: &str, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Synthetic::new(23).fill(name, Distribution::Bell(1.0), 0, &mut values);
    values
}

/// A matrix of real weights, by this name.
pub fn real(space: &Space, name: &str, format: Format, [rows, columns]: [usize; 2]) -> Result<Weight> {
    let values = bell(name, rows * columns);
    let put = |words: &[u32]| -> Result<Buffer> {
        let buffer = space.create(Category::Weights, words.len() as u64 * 4)?;
        buffer.write(0, bytemuck::cast_slice(words))?;
        Ok(buffer)
    };
    let shape = [rows, columns];
    if let Some(layout) = format.integers(&shape) {
        let (mut codes, mut factors) = (Vec::new(), Factors::default());
        integer::quantize(layout, Calibration::None, None, &values, &mut codes, &mut factors)?;
        let (scales, zeros) = factors.pack(layout);
        let zeros = if layout.zeros { Some(put(&zeros)?) } else { None };
        let activations = format.activations();
        let (codes, scales) = (put(&codes)?, put(&scales)?);
        return Ok(Weight::Integer { layout, activations, codes, scales, zeros, order: None });
    }
    if let Some(layout) = format.halves(&shape) {
        return Ok(Weight::F16 { layout, halves: put(&layout.pack(&values))? });
    }
    Ok(Weight::F32(put(bytemuck::cast_slice(&values))?))
}

/// A matrix of words that are weights for all a kernel knows.
pub fn likeness(space: &Space, format: Format, shape: [usize; 2]) -> Result<Weight> {
    let fill = |words: usize, piece: &[u32]| -> Result<Buffer> {
        let buffer = space.create(Category::Weights, words as u64 * 4)?;
        for start in (0..words).step_by(piece.len()) {
            let length = piece.len().min(words - start);
            buffer.write(start as u64 * 4, bytemuck::cast_slice(&piece[..length]))?;
        }
        Ok(buffer)
    };
    let floats = bell("words", PIECE);
    let bits: Vec<u32> = floats.iter().map(|value| value.to_bits().wrapping_mul(0x9e37_79b9)).collect();
    // 0.0078 and 0.0079 in f16.
    let scales = [0x2001_2003_u32; 1024];
    if let Some(layout @ Layout { rows, .. }) = format.integers(&shape) {
        let zeros = if layout.zeros { Some(fill(layout.zero_words(), &bits)?) } else { None };
        let codes = fill(rows * layout.row_words(), &bits)?;
        let (activations, scales) = (format.activations(), fill(layout.scale_words(), &scales)?);
        return Ok(Weight::Integer { layout, activations, codes, scales, zeros, order: None });
    }
    if let Some(layout @ half::Layout { rows, .. }) = format.halves(&shape) {
        let halves = half::Layout { rows: 1, columns: 2 * PIECE }.pack(&bell("halves", 2 * PIECE));
        return Ok(Weight::F16 { layout, halves: fill(rows * layout.row_words(), &halves)? });
    }
    Ok(Weight::F32(fill(shape[0] * shape[1], bytemuck::cast_slice(&floats))?))
}
