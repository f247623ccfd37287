//! How shaders read a weight in its format: one snippet per format, with the same functions.
//!
//! A snippet declares its bindings from `WEIGHT` on and reads `params.inputs`; integers read
//! `params.row_words`, `row_groups` and `group_shift`, too. It gives
//! `right(batch, n, k) -> vec4<f32>`: the weights of row `n` in columns `k .. k + 4`, 0 past the last.

use super::{
    gpu::{Memory, Operand, Part, number},
    shader::{Access, Access::Read},
};
use crate::{
    error::Result,
    weights::{Weight, integer::Layout},
};
use std::ops::Range;

/// How a kernel reads weights. The size of a group is a parameter, not part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightFormat {
    /// 32-bit floats.
    F32,
    /// Group-wise integers.
    Integer {
        /// Bits of a code.
        bits: u32,
        /// Whether groups have zero points.
        zeros: bool,
    },
}

impl WeightFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::F32,
        Self::Integer { bits: 4, zeros: false },
        Self::Integer { bits: 4, zeros: true },
        Self::Integer { bits: 8, zeros: false },
        Self::Integer { bits: 8, zeros: true },
    ];

    /// The format of an operand.
    #[must_use]
    pub fn of(weight: &Operand<'_>) -> Self {
        match layout(weight) {
            Some(layout) => Self::Integer { bits: layout.bits, zeros: layout.zeros },
            None => Self::F32,
        }
    }

    /// The snippet; `vectors` says that the inner length is a multiple of four.
    #[must_use]
    pub fn parts(self, vectors: bool) -> Vec<&'static str> {
        match self {
            Self::F32 if vectors => vec![include_str!("vector.wgsl")],
            Self::F32 => vec![include_str!("scalar.wgsl")],
            Self::Integer { bits, zeros } => vec![
                if bits == 4 { "const BITS = 4u;\n" } else { "const BITS = 8u;\n" },
                if zeros { include_str!("zeros.wgsl") } else { include_str!("middle.wgsl") },
                include_str!("integer.wgsl"),
            ],
        }
    }

    /// Its bindings.
    #[must_use]
    pub fn bindings(self) -> &'static [Access] {
        match self {
            Self::F32 => &[Read],
            Self::Integer { zeros: false, .. } => &[Read, Read],
            Self::Integer { zeros: true, .. } => &[Read, Read, Read],
        }
    }
}

/// The layout of a quantized operand.
pub(super) fn layout(weight: &Operand<'_>) -> Option<Layout> {
    match weight.memory {
        Memory::Weight(Weight::Integer { layout, .. }) => Some(*layout),
        _ => None,
    }
}

/// Bytes of the longest part of a row.
pub(super) fn row_bytes(weight: &Operand<'_>) -> u64 {
    4 * layout(weight).map_or_else(|| weight.width(), Layout::row_words) as u64
}

/// The buffers of `rows` of a weight, in the order of the snippet's bindings.
pub(super) fn buffers<'a>(weight: &Operand<'a>, rows: &Range<usize>) -> Result<Vec<Part<'a>>> {
    let Memory::Weight(Weight::Integer { layout, codes, scales, zeros }) = weight.memory else {
        return Ok(vec![Part::rows(weight.plain()?, rows, 32 * weight.width() as u64)]);
    };
    let groups = layout.groups() as u64;
    let mut parts =
        vec![Part::rows(codes, rows, 32 * layout.row_words() as u64), Part::rows(scales, rows, 16 * groups)];
    parts.extend(zeros.as_ref().map(|zeros| Part::rows(zeros, rows, u64::from(layout.bits) * groups)));
    Ok(parts)
}

/// `row_words`, `row_groups` and `group_shift` of a weight.
pub(super) fn params(weight: &Operand<'_>) -> Result<[u32; 3]> {
    let Some(layout) = layout(weight) else { return Ok([0; 3]) };
    Ok([number(layout.row_words())?, number(layout.groups())?, layout.group.trailing_zeros()])
}
