//! The GPU kernels by typed key, and the one place where their WGSL is put together: a prefix for the
//! target, snippets, then the body that uses them.

mod bindings;
pub mod flash;
mod linear;
mod list;
pub mod sound;
pub mod spatial;
mod tiling;

use crate::{graph::Activation, load::Dtype, protocol::Calibration};

/// A compute pipeline. Equal keys mean equal pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Rows of a table.
    Gather {
        /// How the table is stored.
        format: WeightFormat,
        /// Four values a load: the width is a multiple of four.
        vectors: bool,
    },
    /// Sum of two tensors.
    Add,
    /// Layer norm.
    LayerNorm {
        /// Of `x + residual` instead of `x`.
        residual: bool,
        /// Threads that share a row.
        threads: u32,
        /// Whether the rows are packed too.
        packs: bool,
    },
    /// A linear layer.
    Linear {
        /// How the product is cut up.
        tiling: Tiling,
        /// How the weights are stored.
        format: WeightFormat,
        /// How x is read.
        input: Input,
        /// Applied to the result.
        activation: Option<Activation>,
    },
    /// Two or three linear layers of one row of bytes as one product with integers without zero points.
    Stacked {
        /// How many: 2 or 3.
        layers: usize,
        /// How the product is cut up: a team's.
        tiling: Tiling,
        /// Bits of a code.
        bits: u32,
        /// Applied to the results of each.
        activations: [Option<Activation>; 3],
    },
    /// Floats as group-wise integers.
    Quantize {
        /// Bits of a code.
        bits: u32,
        /// Whether groups have zero points.
        zeros: bool,
        /// How scales and zero points are chosen.
        calibration: Calibration,
        /// What the floats are in memory.
        source: Dtype,
    },
    /// Floats as signed bytes.
    Pack {
        /// Whether weights have their inputs in another order.
        ordered: bool,
    },
    /// Floats as 16-bit floats.
    Halve {
        /// Whether weights have their inputs in another order.
        ordered: bool,
    },
    /// Floats as they are, in the order in which weights have their inputs.
    Reorder,
    /// Memory to memory, to see how fast that goes.
    Copy,
    /// Scaled dot products of attention.
    AttentionScores {
        /// How the product is cut up.
        tiling: Tiling,
    },
    /// Masked softmax, in place.
    AttentionSoftmax {
        /// Threads that share a row.
        threads: u32,
        /// Whether there is padding.
        masked: bool,
    },
    /// Weighed values of attention.
    AttentionContext {
        /// How the product is cut up.
        tiling: Tiling,
    },
    /// First row of every sequence.
    FirstRow,
    /// Mean of every sequence.
    MeanRows,
    /// Rows of length 1.
    Normalize {
        /// Threads that share a row.
        threads: u32,
    },
    /// Values from a seed.
    Synthetic,
    /// What models of images and sounds need beside these.
    Spatial(spatial::Spatial),
    /// What audio front ends need.
    Sound(sound::Sound),
    /// RMS norm.
    RmsNorm {
        /// Threads that share a row.
        threads: u32,
        /// Whether the rows are packed too.
        packs: bool,
    },
    /// Rotary position embedding.
    Rotary,
    /// Product of two tensors, value by value.
    Multiply {
        /// Whether it is packed too.
        packs: bool,
    },
    /// A tensor times a number.
    Scale,
    /// Some columns.
    Columns,
    /// One row of every sequence.
    TakeRow,
    /// Windows of rows.
    Windows,
    /// Rows into a cache.
    Append {
        /// Whether they are turned on their way.
        turned: bool,
    },
    /// Rows of keys and of values, each into its cache.
    AppendBoth,
    /// Queries, keys and values of a pass to where attention over a cache finds them.
    Enter,
    /// Scaled dot products of heads that share keys.
    GroupedScores {
        /// How the product is cut up.
        tiling: Tiling,
    },
    /// Softmax over the keys a query sees, in place.
    GroupedSoftmax {
        /// Whether a bias by distance is added.
        biased: bool,
        /// Threads that share a row.
        threads: u32,
    },
    /// Weighed values of heads that share them.
    GroupedContext {
        /// How the product is cut up.
        tiling: Tiling,
    },
    /// Attention without a matrix of scores.
    Flash(flash::FlashKernel),
    /// Parts of attention as one.
    Join {
        /// Threads that look at a part side by side: a power of two.
        columns: u32,
        /// Four values a store: the rows' width is a multiple of four.
        vectors: bool,
        /// Whether the result is packed too.
        packs: bool,
    },
    /// Rows into a cache, in its storage format.
    Store,
    /// Heads times a Hadamard matrix.
    Turn,
    /// How much keys were looked at.
    Importance,
    /// Which tokens stay in a cache.
    Select,
    /// The id of the largest.
    Argmax {
        /// Threads that share a row.
        threads: u32,
    },
    /// An id drawn from the likeliest.
    Sample {
        /// Threads that share a row.
        threads: u32,
    },
}

/// Threads that share a row where they run at once.
pub const ROW_THREADS: u32 = 128;
/// Threads that share a long row where there are few.
pub const LONG_ROW_THREADS: u32 = 256;
/// Threads that share a row on a CPU: as many as it has lanes, so that barriers cost nothing.
pub const ROW_THREADS_SOFTWARE: u32 = 4;

pub use super::weight::WeightFormat;
use super::weight::{self, Reads};
pub use bindings::Access;
pub use linear::Input;
pub use tiling::{MOST_LANES, MOST_STEPS, Tiling};

impl Kernel {
    /// The whole shader.
    #[must_use]
    pub fn source(self) -> String {
        let parts: &[&str] = match self {
            Self::Gather { format, vectors } => &[
                &[include_str!("gather/gather.wgsl")],
                format.parts(if vectors { Reads::Vector } else { Reads::Scalar }).as_slice(),
            ]
            .concat(),
            Self::Synthetic => &[include_str!("synthetic/synthetic.wgsl")],
            Self::Add => &[include_str!("add/add.wgsl")],
            Self::LayerNorm { packs: false, .. } => {
                &[include_str!("layer_norm/layer_norm.wgsl"), include_str!("norm/alone.wgsl")]
            }
            Self::LayerNorm { packs: true, .. } => {
                &[include_str!("layer_norm/layer_norm.wgsl"), include_str!("norm/packed.wgsl"), FOUR, PACKING]
            }
            Self::Linear { tiling, format, input, .. } => &linear::parts(tiling, format, input),
            Self::Stacked { layers, tiling, bits, .. } => &linear::stacked(layers, tiling, bits),
            Self::Pack { ordered } => &[include_str!("linear/pack.wgsl"), linear::places(ordered), PACK_ROWS, PACKING],
            Self::Halve { ordered } => &[include_str!("linear/halve.wgsl"), linear::places(ordered)],
            Self::Reorder => &[include_str!("linear/reorder.wgsl"), linear::places(true)],
            Self::Quantize { bits, zeros, .. } => &weight::quantize_parts(bits, zeros),
            Self::Copy => &[include_str!("bench/copy.wgsl")],
            Self::AttentionScores { tiling } => &[include_str!("attention/scores.wgsl"), product(tiling)],
            Self::AttentionSoftmax { masked: true, .. } => {
                &[include_str!("attention/mask.wgsl"), include_str!("attention/softmax.wgsl")]
            }
            Self::AttentionSoftmax { masked: false, .. } => {
                &[include_str!("attention/no_mask.wgsl"), include_str!("attention/softmax.wgsl")]
            }
            Self::AttentionContext { tiling } => &[include_str!("attention/context.wgsl"), product(tiling)],
            Self::FirstRow => &[include_str!("pool/first_row.wgsl")],
            Self::MeanRows => &[include_str!("pool/mean_rows.wgsl")],
            Self::Normalize { .. } => &[include_str!("pool/normalize.wgsl")],
            Self::Flash(kernel) => return kernel.source(),
            Self::Spatial(kernel) => &kernel.parts(),
            Self::Sound(kernel) => &[kernel.source()],
            Self::RmsNorm { packs: false, .. } => {
                &[include_str!("rms_norm/rms_norm.wgsl"), include_str!("norm/alone.wgsl")]
            }
            Self::RmsNorm { packs: true, .. } => {
                &[include_str!("rms_norm/rms_norm.wgsl"), include_str!("norm/packed.wgsl"), FOUR, PACKING]
            }
            Self::Rotary => &[include_str!("rotary/rotary.wgsl"), TURN],
            Self::Multiply { packs: false } => &[include_str!("pointwise/multiply.wgsl")],
            Self::Multiply { packs: true } => &[include_str!("pointwise/multiply_pack.wgsl"), PACK_ROWS, PACKING],
            Self::Scale => &[include_str!("pointwise/scale.wgsl")],
            Self::Columns => &[include_str!("select/columns.wgsl")],
            Self::TakeRow => &[include_str!("select/take_row.wgsl")],
            Self::Windows => &[include_str!("select/windows.wgsl")],
            Self::Join { columns, vectors, packs } => {
                let store = if vectors {
                    include_str!("flash/join_vector.wgsl")
                } else {
                    include_str!("flash/join_scalar.wgsl")
                };
                let rest: &[&str] = if packs {
                    &[include_str!("flash/join_packed.wgsl"), PACKING]
                } else {
                    &[include_str!("flash/join_alone.wgsl")]
                };
                let sizes = format!("const COLUMNS = {columns}u;");
                return [&[sizes.as_str(), include_str!("flash/join.wgsl"), store], rest].concat().join("\n");
            }
            Self::Store => &[include_str!("memory/hadamard.wgsl"), include_str!("memory/store.wgsl")],
            Self::Turn => &[include_str!("memory/hadamard.wgsl"), include_str!("memory/turn.wgsl")],
            Self::Importance => &[include_str!("memory/importance.wgsl")],
            Self::Select => &[include_str!("memory/select.wgsl")],
            Self::Append { turned: false } => &[include_str!("grouped/append.wgsl"), IN_CACHE],
            Self::Append { turned: true } => &[include_str!("grouped/append_turned.wgsl"), TURN, IN_CACHE],
            Self::AppendBoth => &[include_str!("grouped/append_both.wgsl"), IN_CACHE],
            Self::Enter => &[include_str!("grouped/enter.wgsl"), TURN, IN_CACHE],
            Self::GroupedScores { tiling } => &[include_str!("grouped/scores.wgsl"), product(tiling)],
            Self::GroupedSoftmax { .. } => &[include_str!("grouped/softmax.wgsl")],
            Self::GroupedContext { tiling } => &[include_str!("grouped/context.wgsl"), product(tiling)],
            Self::Argmax { .. } => &[include_str!("sample/argmax.wgsl")],
            Self::Sample { .. } => &[include_str!("sample/sample.wgsl")],
        };
        parts.join("\n")
    }

    /// Values of the shader's `override` constants.
    #[must_use]
    pub fn constants(self) -> Vec<(&'static str, f64)> {
        match self {
            Self::LayerNorm { residual, threads, .. } => {
                vec![("RESIDUAL", f64::from(u8::from(residual))), ("THREADS", f64::from(threads))]
            }
            Self::AttentionSoftmax { threads, .. } | Self::Normalize { threads } => {
                vec![("THREADS", f64::from(threads))]
            }
            Self::Quantize { calibration, source, .. } => {
                let source = match source {
                    Dtype::F16 => 1.0,
                    Dtype::Bf16 => 2.0,
                    _ => 0.0,
                };
                let calibration = match calibration {
                    Calibration::None => 0.0,
                    Calibration::Mse => 1.0,
                    Calibration::Hqq => 2.0,
                    Calibration::Activations => 3.0,
                };
                vec![("SOURCE", source), ("CALIBRATION", calibration)]
            }
            Self::Flash(kernel) => kernel.constants(),
            Self::Spatial(kernel) => kernel.constants(),
            Self::Sound(kernel) => kernel.constants(),
            Self::RmsNorm { threads, .. } | Self::Argmax { threads } | Self::Sample { threads } => {
                vec![("THREADS", f64::from(threads))]
            }
            Self::GroupedSoftmax { biased, threads } => {
                vec![("BIASED", f64::from(u8::from(biased))), ("THREADS", f64::from(threads))]
            }
            Self::GroupedScores { tiling } | Self::GroupedContext { tiling } => tiling.constants(),
            Self::AttentionScores { tiling } | Self::AttentionContext { tiling } => tiling.constants(),
            Self::Stacked { layers, tiling, activations, .. } => {
                let names = ["ACTIVATION", "ACTIVATION_SECOND", "ACTIVATION_THIRD"];
                let numbers = names.into_iter().zip(activations.map(activation_number)).take(layers);
                tiling.constants().into_iter().chain(numbers).collect()
            }
            Self::Linear { tiling, activation, .. } => {
                [tiling.constants(), vec![("ACTIVATION", activation_number(activation))]].concat()
            }
            _ => Vec::new(),
        }
    }
}

/// What a shader asks for beside the language. Browsers demand the word, naga does not know it.
fn extensions(subgroups: bool) -> &'static str {
    if subgroups && cfg!(target_arch = "wasm32") { "enable subgroups;\n" } else { "" }
}

/// What a shader with 16-bit floats asks for.
const HALVES: &str = "enable f16;";

/// Rows as signed bytes, beside whatever makes them.
const PACKING: &str = include_str!("linear/packing.wgsl");

/// Fours of a row whose numbers are there one by one.
const FOUR: &str = include_str!("linear/four.wgsl");

/// All fours of some rows.
const PACK_ROWS: &str = concat!(include_str!("linear/pack_rows.wgsl"), include_str!("linear/four.wgsl"));

/// Where rows of a pass belong in a cache.
const IN_CACHE: &str = include_str!("grouped/in_cache.wgsl");

/// Values of heads turned by positions.
const TURN: &str = include_str!("rotary/turn.wgsl");

/// Sums over a team of threads that exchange registers: of one value each, and of two in half the exchanges.
const EXCHANGES: &str = concat!(include_str!("subgroup/over_neighbours.wgsl"), include_str!("subgroup/halved.wgsl"));

/// The body of a product.
fn product(tiling: Tiling) -> &'static str {
    match tiling {
        Tiling::Tile { .. } => include_str!("matmul/tile.wgsl"),
        Tiling::Direct => include_str!("matmul/direct.wgsl"),
        Tiling::Single => include_str!("matmul/single.wgsl"),
        Tiling::Sliced => include_str!("matmul/sliced.wgsl"),
        Tiling::Wide | Tiling::Team { .. } | Tiling::Matrix { .. } => include_str!("matmul/wide.wgsl"),
    }
}

/// The number by which the shader knows an activation.
fn activation_number(activation: Option<Activation>) -> f64 {
    match activation {
        None => 0.0,
        Some(Activation::Gelu) => 1.0,
        Some(Activation::GeluTanh) => 2.0,
        Some(Activation::Relu) => 3.0,
        Some(Activation::Silu) => 4.0,
        Some(Activation::Tanh) => 5.0,
        Some(Activation::QuickGelu) => 6.0,
        Some(Activation::Sigmoid) => 7.0,
    }
}
