//! What a host (page worker, child process) and the driver say to each other: one [`Step`] down,
//! one [`Outcome`] back. Plain data; everything in it crosses a process boundary as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::{Family, Size};
pub use crate::tensor::{Tensor, TensorData, Tensors};

/// Where the engine computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// WebGPU in a browser.
    Webgpu,
    /// WebAssembly on the CPU, in a browser.
    Wasm,
    /// wgpu on Vulkan, Metal or D3D12, without a browser.
    NativeGpu,
    /// The CPU path without a browser; the reference of every accuracy figure.
    NativeCpu,
}

impl Platform {
    /// Every platform, in the order tables show them.
    pub const ALL: [Self; 4] = [Self::Webgpu, Self::Wasm, Self::NativeGpu, Self::NativeCpu];

    /// The word used in matrix files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Webgpu => "webgpu",
            Self::Wasm => "wasm",
            Self::NativeGpu => "native-gpu",
            Self::NativeCpu => "native-cpu",
        }
    }

    /// Whether a GPU device computes.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Webgpu | Self::NativeGpu)
    }
}

/// Where a model's configuration and weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum ModelSource {
    /// A folder with `config.json` and safetensors: a URL ending in `/` in a browser, a path natively.
    Folder {
        /// The folder's location, as the host reaches it.
        at: String,
    },
    /// A published architecture with seeded synthetic weights, made where they are needed.
    Synthetic {
        /// The architecture.
        family: Family,
        /// Which of its published or shortened shapes.
        size: Size,
        /// Seed of every weight.
        seed: u64,
    },
}

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
}

impl Calibration {
    /// Every way there is.
    pub const ALL: [Self; 3] = [Self::None, Self::Mse, Self::Hqq];
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
            skip_names: Vec::new(),
            high_bits_names: Vec::new(),
        }
    }
}

/// Attention in tiles, without a matrix of scores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlashAttention {
    /// Queries and keys of a tile, 32 or 64; by the head's width and the device where it is `None`.
    pub block_size: Option<u32>,
}

/// Keys and values of earlier tokens, kept in less memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvCache {
    /// Bits of a stored number, 4 or 8; f32 where it is `None`.
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
    /// Attention without a matrix of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_attention: Option<FlashAttention>,
    /// Keys and values of earlier tokens in less memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<KvCache>,
}

/// How a prompt is continued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decode {
    /// The most ids for a sequence.
    pub max_tokens: u32,
    /// How an id is chosen.
    pub sampling: Sampling,
    /// Ids that end a sequence.
    #[serde(default)]
    pub stop: Vec<i32>,
    /// Whether the logits of every step are read back.
    #[serde(default)]
    pub step_logits: bool,
    /// Ids that the sequences take whatever is chosen, a row for each; empty when the choice is free. Logits
    /// of two models can be compared step by step only when both went the same way.
    #[serde(default)]
    pub forced: Vec<Vec<i32>>,
}

impl Decode {
    /// The likeliest id, `max_tokens` times.
    #[must_use]
    pub fn greedy(max_tokens: u32) -> Self {
        Self { max_tokens, sampling: Sampling::Greedy, stop: Vec::new(), step_logits: false, forced: Vec::new() }
    }
}

/// How an id is chosen from logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Sampling {
    /// The likeliest.
    Greedy,
    /// One of the likeliest, by chance.
    Random {
        /// Logits are divided by it.
        temperature: f32,
        /// Only so many of the likeliest count; 0 for all.
        top_k: u32,
        /// Only the likeliest that have this probability together count; 1 for all.
        top_p: f32,
        /// Seed of the choice. Equal seeds give equal ids.
        seed: u64,
    },
}

/// What a host is asked to do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Describe the device behind a platform.
    Probe {
        /// Which device.
        platform: Platform,
    },
    /// Compile every kernel for a GPU, and say which it rejects.
    Compile {
        /// Which GPU.
        platform: Platform,
    },
    /// Time a kernel by itself.
    Bench {
        /// Which device.
        platform: Platform,
        /// What it does.
        work: BenchWork,
        /// Milliseconds to spend, about.
        budget_ms: f64,
    },
    /// Load a model into a named slot; whatever the slot held is unloaded first.
    Load {
        /// Name of the slot.
        slot: String,
        /// Device the slot lives on.
        platform: Platform,
        /// What to load.
        model: ModelSource,
        /// Which optimizations.
        options: Options,
    },
    /// One forward pass. The time runs from the call until the outputs are on the CPU.
    Infer {
        /// Name of the slot.
        slot: String,
        /// Inputs by their Hugging Face names.
        inputs: Tensors,
        /// Outputs to compute and read back.
        outputs: Vec<String>,
        /// Whether the values of the outputs are part of the answer.
        reply: bool,
    },
    /// Make features of samples and wait for them. The time runs until they are where the model reads them.
    Hear {
        /// Name of the slot.
        slot: String,
        /// Inputs with `samples`, mono clips `[clips, samples]` at the model's rate, and perhaps `sample_counts` `[clips]`.
        inputs: Tensors,
    },
    /// Continue a prompt. Times run from the call until ids are on the CPU.
    Generate {
        /// Name of the slot.
        slot: String,
        /// Inputs by their Hugging Face names.
        inputs: Tensors,
        /// How ids are chosen, and how many.
        decode: Decode,
        /// Outputs of the pass over the prompt to compute and read back.
        outputs: Vec<String>,
        /// Whether the values of the outputs are part of the answer. Ids always are.
        reply: bool,
    },
    /// Say what the host itself holds. Slow in some browsers; never asked while something is timed.
    Footprint,
    /// Free a slot and every byte it held.
    Unload {
        /// Name of the slot.
        slot: String,
    },
    /// Nothing more to do: the host may go.
    Finish,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Outcome {
    /// Answer to [`Step::Probe`].
    Probed {
        /// The device.
        device: DeviceInfo,
    },
    /// Answer to [`Step::Compile`].
    Compiled {
        /// Every kernel there is.
        kernels: Vec<CompiledKernel>,
    },
    /// Answer to [`Step::Bench`].
    Benched {
        /// What was found.
        bench: Bench,
    },
    /// Answer to [`Step::Load`].
    Loaded {
        /// Times and bytes of the load.
        measures: Vec<Measure>,
        /// Bytes held when the load was done.
        memory: Memory,
        /// What was loaded.
        model: ModelInfo,
    },
    /// Answer to [`Step::Infer`] and [`Step::Hear`].
    Inferred {
        /// Times of the pass.
        measures: Vec<Measure>,
        /// Bytes held; the peak is of this pass.
        memory: Memory,
        /// The outputs, when a reply was asked for.
        outputs: Tensors,
    },
    /// Answer to [`Step::Generate`].
    Generated {
        /// `prefill_time`, `time_to_first_token`, `decode_time` of all later tokens together, `decode_tokens`
        /// their number, one `token_time` for each of them; `encode_time` where there is an encoder.
        measures: Vec<Measure>,
        /// Bytes held; the peak is of this generation.
        memory: Memory,
        /// Ids `[batch, steps]`. A sequence that met a stop id repeats it until all have.
        tokens: Tensor,
        /// The outputs, when a reply was asked for, and `step_logits` `[batch, steps, vocabulary]`, when they were.
        outputs: Tensors,
    },
    /// Answer to [`Step::Footprint`].
    Footprint {
        /// `wasm_heap`, `page_memory`: what this host can tell.
        measures: Vec<Measure>,
    },
    /// Answer to [`Step::Unload`].
    Unloaded {
        /// Bytes still held on the device.
        memory: Memory,
    },
    /// The step could not be done.
    Failed {
        /// What kind of failure.
        kind: FailureKind,
        /// What, where, allowed, hint.
        message: String,
    },
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchForm {
    /// The integer dot product, with x rounded to bytes.
    pub packed: bool,
    /// Subgroups.
    pub subgroups: bool,
    /// What is made for hardware, even on an adapter that runs on a CPU.
    #[serde(default)]
    pub hardware: bool,
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

/// Why a step failed; decides the status of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The device or browser lacks what is asked for.
    Unsupported,
    /// The model's files are missing, truncated or not what its configuration says.
    Model,
    /// Memory ran out.
    OutOfMemory,
    /// The device was lost or reported an error.
    Device,
    /// A defect of the engine.
    Internal,
}

/// One number with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// `load_time`, `infer_time`, `weight_bytes`, …
    pub metric: String,
    /// The number.
    pub value: f64,
    /// `ms`, `bytes`, `count`, …
    pub unit: String,
}

impl Measure {
    /// A time in milliseconds.
    #[must_use]
    pub fn ms(metric: &str, value: f64) -> Self {
        Self { metric: metric.into(), value, unit: "ms".into() }
    }

    /// A number of bytes.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "byte counts stay far below 2^53")]
    pub fn bytes(metric: &str, value: u64) -> Self {
        Self { metric: metric.into(), value: value as f64, unit: "bytes".into() }
    }
}

/// Live and peak bytes of a device, per category and in total. The peak of the total is its own
/// number: categories peak at different moments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// By category: `weights`, `activations`, `staging`, …
    pub categories: BTreeMap<String, Usage>,
    /// All categories together.
    pub total: Usage,
}

/// Bytes now and at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes held now.
    pub live: u64,
    /// The most that was held since the peak was last reset.
    pub peak: u64,
}

/// The device that computes, as it describes itself. Strings come from a browser: untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `gpu` or `cpu`.
    pub kind: String,
    /// GPU vendor, or empty.
    pub vendor: String,
    /// GPU architecture, or empty.
    pub architecture: String,
    /// Free text of the adapter.
    pub description: String,
    /// True for an adapter that runs on the CPU (SwiftShader, lavapipe, WARP).
    pub software: bool,
    /// WebGPU features, or CPU abilities (`simd128`), sorted.
    pub features: Vec<String>,
    /// Limits the engine depends on.
    pub limits: BTreeMap<String, u64>,
}

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Architecture class, e.g. `BertModel`.
    pub architecture: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Number of token ids; 0 where the model takes none.
    pub vocabulary: u32,
    /// Bytes of all weights as they are stored on the device.
    pub weight_bytes: u64,
    /// Bytes that were fetched.
    pub fetched_bytes: u64,
    /// Outputs that can be asked for.
    pub outputs: Vec<String>,
    /// Whether it continues text.
    #[serde(default)]
    pub generates: bool,
    /// Inputs, in usual sizes.
    #[serde(default)]
    pub inputs: Vec<InputInfo>,
    /// What the user should know about how it was loaded.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// An input as a model usually gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputInfo {
    /// Its Hugging Face name.
    pub name: String,
    /// A usual shape, with a batch of 1.
    pub shape: Vec<usize>,
    /// What it holds.
    pub kind: InputKind,
    /// Integers are below this; 0 for floats.
    pub bound: u32,
}

impl InputInfo {
    /// An input with this shape.
    #[must_use]
    pub fn new(name: &str, shape: &[usize], kind: InputKind, bound: usize) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), kind, bound: u32::try_from(bound).unwrap_or(u32::MAX) }
    }
}

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Normalised colours of images or frames.
    Pixels,
    /// Features of a sound, such as a log-mel spectrogram.
    Features,
    /// A normalised wave.
    Samples,
    /// Token ids.
    Ids,
    /// 1 where there is something, 0 where there is padding.
    Mask,
}
