//! How shaders read a weight in its format: one snippet per format, with the same functions.
//!
//! A snippet declares its bindings from `WEIGHT` on and reads `params.inputs`; compressed formats read
//! `params.row_words`, integers also `row_groups` and `group_shift`. What it gives is in [`Reads`].

use super::{
    gpu::{Memory, Operand, Part, number},
    shader::{Access, Access::Read},
};
use crate::{
    device::Buffer,
    error::Result,
    protocol::Activations,
    weights::{Weight, integer::Layout},
};
use std::ops::Range;

/// How a kernel reads weights. The size of a group is a parameter, not part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightFormat {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Group-wise integers.
    Integer {
        /// Bits of a code.
        bits: u32,
        /// Whether groups have zero points.
        zeros: bool,
    },
}

/// What a shader reads at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// `right(batch, n, k) -> vec4<f32>`: weights of row `n` in columns `k .. k + 4`, 0 past the last.
    Scalar,
    /// The same, where the inner length is a multiple of four.
    Vector,
    /// `unit(n, u) -> Weights`: sixteen bytes as floats, and their scale.
    Unit,
    /// `coded(n, k) -> Coded`: weights of row `n` in columns `k .. k + 8`, and `eight(Coded) -> Eight`: those as 16-bit
    /// floats. Of compressed formats; past the last column there may be anything finite.
    Eight,
    /// `unit(n, u) -> Weights`: 32 integers as signed bytes, their scale and zero point.
    Block,
}

impl WeightFormat {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::F32,
        Self::F16,
        Self::Integer { bits: 4, zeros: false },
        Self::Integer { bits: 4, zeros: true },
        Self::Integer { bits: 8, zeros: false },
        Self::Integer { bits: 8, zeros: true },
    ];

    /// The format of an operand.
    #[must_use]
    pub fn of(weight: &Operand<'_>) -> Self {
        match weight.memory {
            Memory::Weight(Weight::Integer { layout, .. }) => Self::Integer { bits: layout.bits, zeros: layout.zeros },
            Memory::Weight(Weight::F16 { .. }) => Self::F16,
            _ => Self::F32,
        }
    }

    /// The snippet.
    #[must_use]
    pub fn parts(self, reads: Reads) -> Vec<&'static str> {
        let Self::Integer { bits, zeros } = self else {
            return vec![match (self, reads) {
                (Self::F16, Reads::Scalar | Reads::Vector) => include_str!("half.wgsl"),
                (Self::F16, Reads::Unit | Reads::Block) => include_str!("half_unit.wgsl"),
                (Self::F16, Reads::Eight) => include_str!("half_eight.wgsl"),
                (_, Reads::Scalar) => include_str!("scalar.wgsl"),
                (_, Reads::Vector) => include_str!("vector.wgsl"),
                (_, Reads::Unit | Reads::Block | Reads::Eight) => include_str!("vector_unit.wgsl"),
            }];
        };
        let mut parts = vec![
            bits_of(bits),
            if zeros { include_str!("zeros.wgsl") } else { include_str!("middle.wgsl") },
            include_str!("scale.wgsl"),
        ];
        match reads {
            Reads::Scalar | Reads::Vector => parts.push(include_str!("integer.wgsl")),
            Reads::Unit => parts.push(include_str!("integer_unit.wgsl")),
            Reads::Eight => parts.push(include_str!("integer_eight.wgsl")),
            Reads::Block => parts.extend([include_str!("block.wgsl"), include_str!("integer_block.wgsl")]),
        }
        parts
    }

    /// Its bindings.
    #[must_use]
    pub fn bindings(self) -> &'static [Access] {
        match self {
            Self::F32 | Self::F16 => &[Read],
            Self::Integer { zeros: false, .. } => &[Read, Read],
            Self::Integer { zeros: true, .. } => &[Read, Read, Read],
        }
    }
}

/// What reads blocks of matrices of integers without zero points, each below the one before.
pub(super) fn stacked_parts(bits: u32) -> [&'static str; 5] {
    [
        bits_of(bits),
        include_str!("middle.wgsl"),
        include_str!("scale.wgsl"),
        include_str!("block.wgsl"),
        include_str!("integer_stacked.wgsl"),
    ]
}

fn bits_of(bits: u32) -> &'static str {
    if bits == 4 { "const BITS = 4u;\n" } else { "const BITS = 8u;\n" }
}

/// The shader that makes integers of floats; its bindings beside the parameters are values, codes, scales, a
/// word for trouble, the importance of columns, and zero points where there are any.
pub(super) fn quantize_parts(bits: u32, zeros: bool) -> [&'static str; 4] {
    [
        if bits == 4 {
            "const BITS = 4u;\nconst LEAST = 0.0;\nconst MOST = 15.0;\nconst MIDDLE = 8.0;\n"
        } else {
            "const BITS = 8u;\nconst LEAST = -128.0;\nconst MOST = 127.0;\nconst MIDDLE = 0.0;\n"
        },
        include_str!("quantize.wgsl"),
        include_str!("fit.wgsl"),
        if zeros { include_str!("keep_zeros.wgsl") } else { include_str!("no_zeros.wgsl") },
    ]
}

/// The layout of a quantized operand.
pub(super) fn layout(weight: &Operand<'_>) -> Option<Layout> {
    match weight.memory {
        Memory::Weight(Weight::Integer { layout, .. }) => Some(*layout),
        _ => None,
    }
}

/// What a weight is to be multiplied with.
pub(super) fn activations(weight: &Operand<'_>) -> Activations {
    match weight.memory {
        Memory::Weight(Weight::Integer { activations, .. }) => *activations,
        _ => Activations::Auto,
    }
}

/// Where each of its inputs lies in x, if that is not where it lies in the weight.
pub(super) fn order<'a>(weight: &Operand<'a>) -> Option<&'a Buffer> {
    match weight.memory {
        Memory::Weight(Weight::Integer { order, .. }) => order.as_deref(),
        _ => None,
    }
}

/// Bytes of the longest part of a row.
pub(super) fn row_bytes(weight: &Operand<'_>) -> u64 {
    4 * match weight.memory {
        Memory::Weight(Weight::Integer { layout, .. }) => layout.row_words() as u64,
        Memory::Weight(Weight::F16 { layout, .. }) => layout.row_words() as u64,
        _ => weight.width() as u64,
    }
}

/// The buffers of `rows` of a weight, in the order of the snippet's bindings.
pub(super) fn buffers<'a>(weight: &Operand<'a>, rows: &Range<usize>) -> Result<Vec<Part<'a>>> {
    let bits = 8 * row_bytes(weight);
    Ok(match weight.memory {
        Memory::Weight(Weight::Integer { layout, codes, scales, zeros, .. }) => {
            let groups = layout.groups() as u64;
            let mut parts = vec![Part::rows(codes, rows, bits), Part::rows(scales, rows, 16 * groups)];
            parts.extend(zeros.as_ref().map(|zeros| Part::rows(zeros, rows, u64::from(layout.bits) * groups)));
            parts
        }
        Memory::Weight(Weight::F16 { halves, .. }) => vec![Part::rows(halves, rows, bits)],
        _ => vec![Part::rows(weight.plain()?, rows, bits)],
    })
}

/// `row_words`, `row_groups` and `group_shift` of a weight, as far as its format has them.
pub(super) fn params(weight: &Operand<'_>) -> Result<[u32; 3]> {
    Ok(match weight.memory {
        Memory::Weight(Weight::Integer { layout, .. }) => {
            [number(layout.row_words())?, number(layout.groups())?, layout.group.trailing_zeros()]
        }
        Memory::Weight(Weight::F16 { layout, .. }) => [number(layout.row_words())?, 0, 0],
        _ => [0; 3],
    })
}
