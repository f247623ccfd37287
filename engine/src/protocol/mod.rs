//! What a host (page worker, child process) and the driver say to each other: one [`Step`] down,
//! one [`Outcome`] back. Plain data; everything in it crosses a process boundary as JSON.

mod bench;
mod decode;
mod info;
mod loading;
mod measure;
mod options;
mod trace;
mod work;

use serde::{Deserialize, Serialize};

use crate::catalog::{Family, Size};
pub use crate::tensor::{Tensor, TensorData, Tensors};
pub use bench::{Bench, BenchAttention, BenchForm, BenchWeights, BenchWork, CompiledKernel};
pub use decode::{Decode, Sampling};
pub use info::{DeviceInfo, InputInfo, InputKind, ModelInfo};
pub use loading::{Offload, Parallel, Progressive, Streaming};
pub use measure::{Measure, Memory, Moment, StoredWeight, Timeline, Usage};
pub use options::{
    Activations, Calibration, FlashAttention, Integer, KvCache, Options, Precision, Prune, PrunePolicy, Scheme,
};
pub use trace::Traced;
pub use work::Work;

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
    /// Time how long answers of a GPU take to arrive.
    Wait {
        /// Which GPU.
        platform: Platform,
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
        /// What will be computed first, where it is known: what shaders are precompiled for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        work: Vec<Work>,
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
    /// Make features of samples and wait for them: `front_end_time` runs until they are where the model reads them.
    /// `front_end_call`, where there is a budget, is the time of one of many calls in a row, of samples that are on the
    /// GPU already.
    Hear {
        /// Name of the slot.
        slot: String,
        /// Inputs with `samples`, mono clips `[clips, samples]` at the model's rate, and perhaps `sample_counts` `[clips]`.
        inputs: Tensors,
        /// Again and again until so many milliseconds are over; once, where it is 0.
        #[serde(default)]
        budget_ms: f64,
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
    /// Compute once more, every operation by itself, and say what each took. Slow; for what is never timed.
    Trace {
        /// Name of the slot.
        slot: String,
        /// Inputs by their Hugging Face names.
        inputs: Tensors,
        /// Outputs to compute.
        outputs: Vec<String>,
        /// How a prompt is continued; a forward pass without.
        decode: Option<Decode>,
    },
    /// Say what the host itself holds. Slow in some browsers; never asked while something is timed.
    Footprint,
    /// Tell how the bytes of a slot went since it was loaded.
    Timeline {
        /// Name of the slot.
        slot: String,
    },
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
    /// Answer to [`Step::Wait`].
    Waited {
        /// `submit_wait` and `read_wait` again and again, `long_wait`, and in a browser `longest_gap`.
        measures: Vec<Measure>,
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
    /// Answer to [`Step::Trace`].
    Traced {
        /// The operations of every pass, what took longest first.
        operations: Vec<Traced>,
    },
    /// Answer to [`Step::Footprint`].
    Footprint {
        /// `wasm_heap`, `page_memory`: what this host can tell.
        measures: Vec<Measure>,
    },
    /// Answer to [`Step::Timeline`].
    Timeline {
        /// How the bytes went.
        timeline: Timeline,
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

impl Outcome {
    /// The first number that is called `metric`.
    #[must_use]
    pub fn measure(&self, metric: &str) -> Option<f64> {
        let (Self::Waited { measures }
        | Self::Loaded { measures, .. }
        | Self::Inferred { measures, .. }
        | Self::Generated { measures, .. }
        | Self::Footprint { measures }) = self
        else {
            return None;
        };
        measures.iter().find(|measure| measure.metric == metric).map(|measure| measure.value)
    }
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
