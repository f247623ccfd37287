//! What can be switched on in the engine: one field per seam.

use serde::{Deserialize, Serialize};

use super::loading::{Offload, Parallel, Progressive, Streaming};

/// Whether the codes of a group lie evenly around zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// The middle code means 0.
    #[default]
    Symmetric,
    /// Every group has a zero point of its own.
    Asymmetric,
}

/// How scale and zero point of a group are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// They cover the range of the group.
    #[default]
    None,
    /// The range that gives the least squared error.
    Mse,
    /// Half-quadratic: most errors small, a few may be large.
    Hqq,
    /// The least squared error of what comes out, over a calibration set: inputs that are large count more.
    Activations,
}

impl Calibration {
    /// Every way there is.
    pub const ALL: [Self; 4] = [Self::None, Self::Mse, Self::Hqq, Self::Activations];
}

/// What integer weights are multiplied with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activations {
    /// What is fastest on the device.
    #[default]
    Auto,
    /// 32-bit floats, as they are.
    F32,
    /// 16-bit floats.
    F16,
    /// Bytes with a scale for every 32, where the device has an integer dot product; otherwise as `Auto`.
    Int8,
}

impl Activations {
    /// Whether the device decides.
    #[must_use]
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// Group-wise integer weights of linear layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integer {
    /// Bits of a weight: 4 or 8.
    pub bits: u32,
    /// Weights that share one scale: a power of two, 32 to 512.
    pub group_size: u32,
    /// Whether groups have zero points.
    #[serde(default)]
    pub scheme: Scheme,
    /// How scales and zero points are chosen.
    #[serde(default)]
    pub calibration: Calibration,
    /// What they are multiplied with on a GPU; a CPU takes 32-bit floats.
    #[serde(default, skip_serializing_if = "Activations::is_auto")]
    pub activations: Activations,
    /// Sentences, and files, for which outputs are to be near: what [`Calibration::Activations`] looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration_set: Vec<String>,
    /// The folder of the file that says how large inputs are over the calibration set. Whoever loads a model made it
    /// before, with [`Host::observe`](crate::host::Host::observe).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<String>,
    /// Globs (`*`, `?`) over names of tensors that keep their precision.
    #[serde(default)]
    pub skip_names: Vec<String>,
    /// Globs over names of matrices and embedding tables that get 8 bits.
    #[serde(default)]
    pub high_bits_names: Vec<String>,
}

impl Integer {
    /// Symmetric weights of this many bits in groups of 128.
    #[must_use]
    pub fn bits(bits: u32) -> Self {
        Self {
            bits,
            group_size: 128,
            scheme: Scheme::Symmetric,
            calibration: Calibration::None,
            activations: Activations::Auto,
            calibration_set: Vec::new(),
            importance: None,
            skip_names: Vec::new(),
            high_bits_names: Vec::new(),
        }
    }
}

/// What attention multiplies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats where a GPU has them; sums are 32-bit floats.
    F16,
}

/// Attention in tiles, without a matrix of scores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlashAttention {
    /// Queries and keys of a tile, 32 or 64; by the head's width and the device where it is `None`.
    pub block_size: Option<u32>,
    /// What the tiles of a prompt hold.
    #[serde(default, skip_serializing_if = "Precision::is_full")]
    pub precision: Precision,
}

impl Precision {
    /// Whether nothing is rounded.
    #[must_use]
    pub fn is_full(&self) -> bool {
        *self == Self::F32
    }
}

/// Keys and values of earlier tokens, kept in less memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvCache {
    /// Bits of a stored number, 4, 8 or 16; f32 where it is `None`.
    pub bits: Option<u32>,
    /// The most tokens that are held, the sinks among them; all where it is `None`.
    pub window: Option<u32>,
    /// First tokens that a window never drops (Xiao et al. 2023).
    pub sinks: u32,
    /// Which part of a prompt is held, if not all of it.
    pub prune: Option<Prune>,
}

impl Default for KvCache {
    fn default() -> Self {
        Self { bits: Some(4), window: None, sinks: 4, prune: None }
    }
}

/// A part of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prune {
    /// What decides which tokens stay.
    pub policy: PrunePolicy,
    /// How many of a hundred stay, 1 to 100.
    pub keep_percent: u32,
}

/// What decides which tokens of a prompt stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrunePolicy {
    /// How much the last queries looked at them.
    Importance,
    /// How late they come.
    Recency,
    /// How many of the last queries looked at them more than evenly.
    Frequency,
}

/// One field per seam; `None` is the engine without that optimization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Integer weights instead of f32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integer: Option<Integer>,
    /// 16-bit instead of 32-bit floats for matrices and embedding tables that are not integers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub f16: bool,
    /// The front end of an audio model on the GPU instead of the CPU.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compute_shaders: bool,
    /// Shaders compiled while weights load instead of when they are first needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shader_precompile: bool,
    /// Attention without a matrix of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_attention: Option<FlashAttention>,
    /// Keys and values of earlier tokens in less memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<KvCache>,
    /// Weights in chunks instead of whole files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progressive_loading: Option<Progressive>,
    /// Components side by side, by workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_loading: Option<Parallel>,
    /// Weights that come when they are used and go again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<Streaming>,
    /// Weights beside the device where it has no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_offload: Option<Offload>,
}

impl Options {
    /// Whether a load goes another way than without, to weights that stay.
    #[must_use]
    pub fn loads_otherwise(&self) -> bool {
        self.integer.is_some() || self.f16 || self.progressive_loading.is_some() || self.parallel_loading.is_some()
    }

    /// Whether something is asked for that only shows where weights come over a wire or from a disk.
    #[must_use]
    pub fn fetches(&self) -> bool {
        self.progressive_loading.is_some()
            || self.parallel_loading.is_some()
            || self.streaming.is_some()
            || self.cpu_offload.is_some()
    }
}
