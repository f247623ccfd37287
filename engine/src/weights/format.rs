//! How a weight is stored on the device.

use super::{Declared, Role, glob};
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
