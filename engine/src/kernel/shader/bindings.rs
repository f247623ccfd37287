//! What kernels bind, in order.

use super::{Kernel, linear};

/// What a kernel does with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Storage that is read.
    Read,
    /// Storage that is written.
    Write,
    /// The parameters.
    Uniform,
}

use Access::{Read, Uniform, Write};

impl Kernel {
    /// What is bound where.
    #[must_use]
    pub fn bindings(self) -> Vec<Access> {
        let fixed: &[Access] = match self {
            Self::Gather { format, .. } => return [&[Read, Write, Uniform], format.bindings()].concat(),
            Self::Linear { format, input, .. } => return linear::bindings(format, input),
            Self::Stacked { layers: 2, .. } => &[Read, Write, Write, Uniform, Read, Read, Read, Read, Read],
            Self::Stacked { .. } => &[Read, Write, Write, Uniform, Read, Read, Read, Read, Read, Write, Read, Read],
            Self::Pack { ordered: false } => &[Read, Uniform, Write, Write],
            Self::Pack { ordered: true } => &[Read, Uniform, Write, Write, Read],
            Self::Halve { ordered: false } => &[Read, Uniform, Write],
            Self::Halve { ordered: true } | Self::Reorder => &[Read, Uniform, Write, Read],
            Self::Join { packs: true, .. } => &[Read, Write, Uniform, Write, Write],
            Self::RmsNorm { packs: true, .. } | Self::Multiply { packs: true } => {
                &[Read, Read, Write, Uniform, Write, Write]
            }
            Self::Quantize { zeros: false, .. } => &[Read, Write, Write, Write, Uniform, Read],
            Self::Quantize { zeros: true, .. } => &[Read, Write, Write, Write, Uniform, Read, Write],
            Self::Copy => &[Read, Write, Uniform],
            Self::Add | Self::AttentionScores { .. } | Self::AttentionContext { .. } | Self::MeanRows => {
                &[Read, Read, Write, Uniform]
            }
            Self::LayerNorm { packs: false, .. } => &[Read, Read, Read, Read, Write, Uniform],
            Self::LayerNorm { packs: true, .. } => &[Read, Read, Read, Read, Write, Uniform, Write, Write],
            Self::AttentionSoftmax { masked: true, .. } => &[Write, Uniform, Read],
            Self::AttentionSoftmax { masked: false, .. } | Self::Synthetic => &[Write, Uniform],
            Self::FirstRow | Self::Normalize { .. } => &[Read, Write, Uniform],
            Self::Flash(kernel) => kernel.bindings(),
            Self::Spatial(kernel) => kernel.bindings(),
            Self::Sound(kernel) => kernel.bindings(),
            Self::Scale
            | Self::Columns
            | Self::Windows
            | Self::Join { .. }
            | Self::Turn
            | Self::Importance
            | Self::Argmax { .. } => &[Read, Write, Uniform],
            Self::RmsNorm { .. }
            | Self::Multiply { .. }
            | Self::TakeRow
            | Self::Append { turned: false }
            | Self::Select
            | Self::Sample { .. } => &[Read, Read, Write, Uniform],
            Self::Store | Self::GroupedScores { .. } | Self::GroupedContext { .. } | Self::GroupedSoftmax { .. } => {
                &[Read, Read, Read, Write, Uniform]
            }
            Self::Rotary => &[Read, Read, Read, Read, Write, Uniform],
            Self::Append { turned: true } => &[Read, Read, Read, Read, Read, Write, Uniform],
            Self::AppendBoth => &[Read, Read, Read, Write, Write, Uniform],
            Self::Enter => &[Read, Read, Read, Read, Read, Read, Read, Write, Write, Write, Uniform],
        };
        fixed.to_vec()
    }

    /// Storage buffers that are bound at once.
    #[must_use]
    pub fn storage(self) -> usize {
        self.bindings().iter().filter(|access| **access != Uniform).count()
    }
}
