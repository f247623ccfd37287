//! All kernels, and which of them a GPU can run.

use super::{
    Input, Kernel, LONG_ROW_THREADS, ROW_THREADS, ROW_THREADS_SOFTWARE, Tiling, WeightFormat, flash, linear, sound,
    spatial,
};
use crate::{device::gpu::Capability, graph::Activation, load::Dtype, protocol::Calibration};

impl Kernel {
    /// One that has all words that kernels for matrix units need.
    pub const MATRICES: Self = Self::Linear {
        tiling: Tiling::Matrix { down: 4 },
        format: WeightFormat::F16,
        input: Input::Halves,
        activation: None,
    };

    /// Every kernel there is, for tests and for compiling ahead.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Synthetic, Self::Reorder, Self::Copy, Self::Add, Self::FirstRow, Self::MeanRows];
        all.extend([false, true].into_iter().flat_map(|ordered| [Self::Pack { ordered }, Self::Halve { ordered }]));
        for threads in [ROW_THREADS, LONG_ROW_THREADS, ROW_THREADS_SOFTWARE] {
            for packs in [false, true].into_iter().filter(|packs| !packs || threads >= ROW_THREADS) {
                all.extend([false, true].map(|residual| Self::LayerNorm { residual, threads, packs }));
                all.push(Self::RmsNorm { threads, packs });
            }
            all.extend([Self::Normalize { threads }, Self::Argmax { threads }]);
        }
        for threads in [ROW_THREADS, ROW_THREADS_SOFTWARE] {
            all.extend([false, true].map(|masked| Self::AttentionSoftmax { threads, masked }));
            all.extend([false, true].map(|biased| Self::GroupedSoftmax { biased, threads }));
        }
        all.extend([ROW_THREADS, LONG_ROW_THREADS].map(|threads| Self::Sample { threads }));
        all.extend([false, true].map(|packs| Self::Multiply { packs }));
        all.extend([Self::Rotary, Self::Scale, Self::Columns, Self::TakeRow, Self::AppendBoth, Self::Enter]);
        all.extend([false, true].map(|turned| Self::Append { turned }));
        for (vectors, packs) in [(true, true), (true, false), (false, false)] {
            all.extend(flash::WIDTHS.map(|columns| Self::Join { columns, vectors, packs }));
        }
        all.extend([Self::Store, Self::Turn, Self::Importance, Self::Select]);
        all.push(Self::Windows);
        let tiles = [16, 8].map(|side| Tiling::Tile { side });
        for tiling in tiles.into_iter().chain([Tiling::Direct]) {
            all.extend([Self::AttentionScores { tiling }, Self::AttentionContext { tiling }]);
        }
        for tiling in tiles.into_iter().chain([Tiling::Direct, Tiling::Single, Tiling::Sliced]) {
            all.extend([Self::GroupedScores { tiling }, Self::GroupedContext { tiling }]);
        }
        // The activation is a constant: one form has them all, and none; the others one.
        for (tiling, format, input) in linear::all() {
            let plain = tiling == Tiling::Single && format == WeightFormat::F32;
            let activations: &[Activation] = if plain { &Activation::ALL } else { &[Activation::Silu] };
            let none = plain.then_some(None);
            let activations = none.into_iter().chain(activations.iter().copied().map(Some));
            all.extend(activations.map(|activation| Self::Linear { tiling, format, input, activation }));
        }
        let activations = [Some(Activation::Silu), None, None];
        let stacked = linear::all_stacked().into_iter();
        all.extend(stacked.map(|(layers, tiling, bits)| Self::Stacked { layers, tiling, bits, activations }));
        let sources = [Dtype::F32, Dtype::F16, Dtype::Bf16].into_iter();
        for (source, calibration) in sources.flat_map(|source| Calibration::ALL.map(|way| (source, way))) {
            for (bits, zeros) in [(4, false), (4, true), (8, false), (8, true)] {
                all.push(Self::Quantize { bits, zeros, calibration, source });
            }
        }
        for format in WeightFormat::ALL {
            all.extend([false, true].map(|vectors| Self::Gather { format, vectors }));
        }
        all.extend(flash::FlashKernel::all().into_iter().map(Self::Flash));
        all.extend(spatial::Spatial::all().into_iter().map(Self::Spatial));
        all.extend(sound::Sound::all().into_iter().map(Self::Sound));
        all
    }

    /// Whether a GPU can run it at all.
    #[must_use]
    pub fn runs_on(self, capability: Capability) -> bool {
        match self {
            Self::Linear { tiling: Tiling::Matrix { .. }, .. } => capability.matrices,
            Self::Linear { input: Input::Packed, .. } | Self::Stacked { .. } if !capability.packed_dot => false,
            Self::Stacked { .. } if self.storage() > capability.storage_buffers => false,
            Self::Linear { tiling: Tiling::Team { exchange, whole, .. }, .. }
            | Self::Stacked { tiling: Tiling::Team { exchange, whole, .. }, .. } => {
                exchange <= capability.subgroup && !(whole && capability.subgroup_most != exchange)
            }
            Self::Flash(kernel) => {
                let lanes = if let flash::Form::Team { lanes, .. } = kernel.form { lanes } else { 0 };
                lanes <= capability.subgroup
                    && kernel.form.workgroup_bytes() <= capability.workgroup_bytes
                    && (capability.halves || !kernel.needs_halves())
            }
            _ => self.storage() <= capability.storage_buffers,
        }
    }
}
