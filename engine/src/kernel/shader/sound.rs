//! The kernels of audio front ends.

use super::{
    Access::{self, Read, Uniform, Write},
    ROW_THREADS, ROW_THREADS_SOFTWARE,
};

/// A compute pipeline of [`crate::kernel::gpu::sound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sound {
    /// Frames → logarithm of the power in mel bands.
    LogMel {
        /// Threads that share a frame.
        threads: u32,
    },
    /// Mean, variance and largest value of parts.
    Survey {
        /// Threads that share a part.
        threads: u32,
    },
    /// The same of whole rows.
    Total,
    /// Logarithms in a range.
    Decades,
    /// Zero mean, unit variance.
    Standardise,
    /// Rows between rows.
    Blend,
}

/// Threads that share a frame: a pass over 400 samples keeps them busy.
pub const FRAME_THREADS: u32 = 128;

impl Sound {
    /// Every kernel there is.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Total, Self::Decades, Self::Standardise, Self::Blend];
        all.extend([FRAME_THREADS, ROW_THREADS_SOFTWARE].map(|threads| Self::LogMel { threads }));
        all.extend([ROW_THREADS, ROW_THREADS_SOFTWARE].map(|threads| Self::Survey { threads }));
        all
    }

    /// The shader.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::LogMel { .. } => include_str!("../log_mel/log_mel.wgsl"),
            Self::Survey { .. } => include_str!("../statistics/survey.wgsl"),
            Self::Total => include_str!("../statistics/total.wgsl"),
            Self::Decades => include_str!("../statistics/decades.wgsl"),
            Self::Standardise => include_str!("../statistics/standardise.wgsl"),
            Self::Blend => include_str!("../blend/blend.wgsl"),
        }
    }

    /// Values of the shader's `override` constants.
    #[must_use]
    pub fn constants(self) -> Vec<(&'static str, f64)> {
        match self {
            Self::LogMel { threads } | Self::Survey { threads } => vec![("THREADS", f64::from(threads))],
            _ => Vec::new(),
        }
    }

    /// What is bound where.
    #[must_use]
    pub fn bindings(self) -> &'static [Access] {
        match self {
            Self::LogMel { .. } => &[Read, Read, Read, Read, Read, Write, Uniform],
            Self::Survey { .. } | Self::Decades => &[Read, Read, Write, Uniform],
            Self::Total => &[Read, Write, Uniform],
            Self::Standardise | Self::Blend => &[Read, Read, Read, Write, Uniform],
        }
    }
}
