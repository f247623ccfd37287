//! A kernel by itself: what is timed, and what was found.

use serde::{Deserialize, Serialize};

use super::Activations;

/// What a benchmark computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum BenchWork {
    /// Memory to memory.
    Copy {
        /// Bytes that are copied.
        bytes: u64,
    },
    /// `x [rows, inputs] · weightᵀ [outputs, inputs]`, with everything that belongs to it.
    Linear {
        /// Rows of x: 1 when a token is decoded, its length when a prompt is read.
        rows: u32,
        /// Rows of the weight.
        outputs: u32,
        /// Columns of both.
        inputs: u32,
        /// How the weight is stored.
        weights: BenchWeights,
        /// What kernels may use.
        form: BenchForm,
    },
    /// Attention over a cache.
    Attention(BenchAttention),
}

/// Attention of the last queries of a sequence, each over the keys up to its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchAttention {
    /// Queries: 1 for a token, or a whole prompt.
    pub queries: u32,
    /// Keys and values, at least as many.
    pub keys: u32,
    /// Heads of queries.
    pub heads: u32,
    /// Heads of keys and values, which divide them.
    pub kv_heads: u32,
    /// Numbers of a head.
    pub width: u32,
    /// Without a matrix of scores.
    pub flash: bool,
    /// What kernels may use.
    pub form: BenchForm,
}

/// How the weight of a benchmark is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stored", rename_all = "snake_case")]
pub enum BenchWeights {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// Group-wise integers.
    Integer {
        /// 4 or 8.
        bits: u32,
        /// Weights that share a scale.
        group: u32,
        /// Whether groups have zero points.
        zeros: bool,
    },
}

/// What the kernels of a benchmark may use where a GPU has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchForm {
    /// What integer weights are multiplied with; with `auto` no integer dot product is used.
    #[serde(default)]
    pub activations: Activations,
    /// Whether x was rounded before, by what made it: then that takes no time here.
    #[serde(default)]
    pub shared: bool,
    /// Whether two layers of the same x and the same shape are one piece of work, as gate and up of a decoder are.
    #[serde(default)]
    pub pairs: bool,
    /// Subgroups.
    #[serde(default)]
    pub subgroups: bool,
    /// Matrix units.
    #[serde(default)]
    pub matrices: bool,
    /// What is made for hardware, even on an adapter that runs on a CPU.
    #[serde(default)]
    pub hardware: bool,
}

impl BenchForm {
    /// Layers that one piece of work has.
    #[must_use]
    pub fn layers(self) -> u32 {
        if self.pairs { 2 } else { 1 }
    }
}

/// What a benchmark found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// The kernels that one piece of work took.
    pub kernels: Vec<String>,
    /// Microseconds of one piece of work, run by run.
    pub samples_us: Vec<f64>,
    /// `gpu` or `wall`: which clock they are from.
    pub clock: String,
    /// Bytes of the weight, or bytes read and written.
    pub bytes: u64,
    /// Σ (got − want)² / Σ want² against the plain reference.
    pub normalised_error: f64,
}

/// What became of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompiledKernel {
    /// Its key, as text.
    pub name: String,
    /// Milliseconds until the device had accepted or rejected it.
    pub ms: f64,
    /// Why it was rejected, in the compiler's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}
