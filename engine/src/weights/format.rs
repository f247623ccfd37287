//! How a weight is stored on the device.

use super::{Declared, Role, glob, int4};
use crate::{
    error::{Error, Result},
    protocol::Options,
};

/// Storage format of one weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 32-bit floats.
    F32,
    /// Group-wise symmetric 4-bit integers.
    Int4 {
        /// Weights that share a scale.
        group: u32,
    },
}

impl Format {
    /// The format `options` ask for. Only matrices of linear layers are ever quantized: they hold nearly
    /// all values of a model, and tables, norms and biases lose more accuracy than they save memory.
    #[must_use]
    pub fn choose(weight: &Declared, options: &Options) -> Self {
        match &options.int4 {
            Some(int4)
                if weight.role == Role::Linear
                    && !int4.skip_names.iter().any(|pattern| glob::matches(pattern, &weight.name)) =>
            {
                Self::Int4 { group: int4.group_size }
            }
            _ => Self::F32,
        }
    }

    /// Bytes of a weight of this shape on the device.
    #[must_use]
    pub fn bytes(self, shape: &[usize]) -> u64 {
        let elements: usize = shape.iter().product();
        let words = match self {
            Self::F32 => elements,
            Self::Int4 { group } => {
                let rows = shape.first().copied().unwrap_or(1).max(1);
                let layout = int4::Layout { rows, columns: elements / rows, group: group as usize };
                layout.row_words() * rows + layout.scale_words()
            }
        };
        4 * words as u64
    }
}

/// Checks what a user may have asked for.
pub fn check(options: &Options) -> Result<()> {
    match &options.int4 {
        Some(int4) if !(32..=512).contains(&int4.group_size) || !int4.group_size.is_power_of_two() => {
            Err(Error::unsupported("unusable group size")
                .of("int4")
                .expected("32, 64, 128, 256 or 512")
                .found(int4.group_size.to_string()))
        }
        _ => Ok(()),
    }
}
