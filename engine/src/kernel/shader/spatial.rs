//! The kernels of models of images and sounds.

use super::{
    Access::{self, Read, Uniform, Write},
    ROW_THREADS, ROW_THREADS_SOFTWARE, Tiling, activation_number, product,
};
use crate::graph::Activation;

/// A compute pipeline of [`crate::kernel::gpu::spatial`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spatial {
    /// A convolution as a product.
    Conv {
        /// How the product is cut up.
        tiling: Tiling,
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// A convolution with few channels a group.
    ConvDirect {
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// Largest or mean values.
    Window,
    /// Values in another order.
    Copy,
    /// Tensors joined.
    Concat,
    /// Batch norm.
    BatchNorm {
        /// Whether a residual is added.
        residual: bool,
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// Group norm.
    GroupNorm {
        /// Threads that share a group.
        threads: u32,
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// A factor per channel, and a residual.
    ScaleAdd,
    /// A learned factor.
    ScaleExp,
    /// An activation by itself.
    Activate {
        /// Which.
        activation: Activation,
    },
    /// Cubic interpolation.
    Resize,
    /// Zeros where there is padding.
    MaskRows,
    /// Taps with their lengths.
    WeightNorm {
        /// Threads that share a tap.
        threads: u32,
    },
}

impl Spatial {
    /// Every kernel there is.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Window, Self::Copy, Self::Concat, Self::ScaleAdd, Self::ScaleExp];
        all.extend([Self::Resize, Self::MaskRows]);
        all.extend(Activation::ALL.map(|activation| Self::Activate { activation }));
        all.extend([ROW_THREADS, ROW_THREADS_SOFTWARE].map(|threads| Self::WeightNorm { threads }));
        for activation in std::iter::once(None).chain(Activation::ALL.map(Some)) {
            let tiles = [16, 8].map(|side| Tiling::Tile { side }).into_iter().chain([Tiling::Direct]);
            all.extend(tiles.map(|tiling| Self::Conv { tiling, activation }));
            all.push(Self::ConvDirect { activation });
            all.extend([false, true].map(|residual| Self::BatchNorm { residual, activation }));
            all.extend([ROW_THREADS, ROW_THREADS_SOFTWARE].map(|threads| Self::GroupNorm { threads, activation }));
        }
        all
    }

    /// The parts of the shader.
    #[must_use]
    pub fn parts(self) -> Vec<&'static str> {
        let activation = include_str!("../activation/activation.wgsl");
        let conv = include_str!("../conv/params.wgsl");
        match self {
            Self::Conv { tiling, .. } => {
                vec![activation, conv, include_str!("../conv/operands.wgsl"), product(tiling)]
            }
            Self::ConvDirect { .. } => vec![activation, conv, include_str!("../conv/direct.wgsl")],
            Self::Window => vec![include_str!("../window/window.wgsl")],
            Self::Copy => vec![include_str!("../copy/copy.wgsl")],
            Self::Concat => vec![include_str!("../copy/concat.wgsl")],
            Self::BatchNorm { .. } => vec![activation, include_str!("../batch_norm/batch_norm.wgsl")],
            Self::GroupNorm { .. } => vec![activation, include_str!("../group_norm/group_norm.wgsl")],
            Self::ScaleAdd => vec![include_str!("../elementwise/scale_add.wgsl")],
            Self::ScaleExp => vec![include_str!("../elementwise/scale_exp.wgsl")],
            Self::Activate { .. } => vec![activation, include_str!("../elementwise/activate.wgsl")],
            Self::Resize => vec![include_str!("../resize/resize.wgsl")],
            Self::WeightNorm { .. } => vec![include_str!("../weight_norm/weight_norm.wgsl")],
            Self::MaskRows => vec![include_str!("../elementwise/mask_rows.wgsl")],
        }
    }

    /// Values of the shader's `override` constants.
    #[must_use]
    pub fn constants(self) -> Vec<(&'static str, f64)> {
        let by = |activation| ("ACTIVATION", activation_number(activation));
        match self {
            Self::Conv { tiling, activation } => [tiling.constants(), vec![by(activation)]].concat(),
            Self::ConvDirect { activation } => vec![by(activation)],
            Self::BatchNorm { residual, activation } => {
                vec![("RESIDUAL", f64::from(u8::from(residual))), by(activation)]
            }
            Self::GroupNorm { threads, activation } => vec![("THREADS", f64::from(threads)), by(activation)],
            Self::WeightNorm { threads } => vec![("THREADS", f64::from(threads))],
            Self::Activate { activation } => vec![by(Some(activation))],
            _ => Vec::new(),
        }
    }

    /// What is bound where.
    #[must_use]
    pub fn bindings(self) -> &'static [Access] {
        match self {
            Self::Conv { .. } | Self::ConvDirect { .. } => &[Read, Read, Write, Uniform, Read],
            Self::BatchNorm { .. } => &[Read, Read, Read, Read, Read, Read, Write, Uniform],
            Self::GroupNorm { .. } | Self::ScaleAdd => &[Read, Read, Read, Write, Uniform],
            Self::Concat | Self::ScaleExp | Self::MaskRows | Self::WeightNorm { .. } => &[Read, Read, Write, Uniform],
            Self::Window | Self::Copy | Self::Activate { .. } | Self::Resize => &[Read, Write, Uniform],
        }
    }
}
