//! What can be typed to time parts of the engine.

use clap::{Args, Subcommand};

/// `matrix bench`
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) action: BenchAction,
}

/// What is timed.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchAction {
    /// Linear layers in every format, beside a copy of memory and a prediction
    Kernels(KernelsArgs),
    /// Front ends of audio models by themselves: on the CPU, and as compute shaders
    Sound(SoundArgs),
    /// How long answers of a GPU take to arrive, and whether the page goes on meanwhile
    Waits(WaitsArgs),
}

/// `matrix bench kernels`
#[derive(Args, Debug)]
pub(crate) struct KernelsArgs {
    /// The browser: chrome, edge, firefox, safari, or native for none
    #[arg(long, value_name = "BROWSER", default_value = "chrome")]
    pub(crate) browser: String,
    /// The platform: webgpu or wasm; native-gpu or native-cpu without a browser
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Only kernels whose names have all of these words, such as gemv, int4, 11008x4096, dot
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    pub(crate) filter: Vec<String>,
    /// Small matrices, as for a CPU, whatever the device
    #[arg(long)]
    pub(crate) small: bool,
    /// The kernels for hardware, even on an adapter that runs on a CPU
    #[arg(long)]
    pub(crate) as_hardware: bool,
    /// Milliseconds for each kernel
    #[arg(long, value_name = "MS", default_value_t = 300.0)]
    pub(crate) budget: f64,
    /// As JSON, with every sample
    #[arg(long)]
    pub(crate) json: bool,
}

/// `matrix bench sound`
#[derive(Args, Debug)]
pub(crate) struct SoundArgs {
    /// Browsers: chrome, edge, firefox, safari, or native for none
    #[arg(long, value_name = "BROWSER", value_delimiter = ',', default_value = "chrome")]
    pub(crate) browser: Vec<String>,
    /// Models: whisper, wav2vec2, clap
    #[arg(long, value_name = "MODEL", value_delimiter = ',', default_value = "whisper,wav2vec2,clap")]
    pub(crate) model: Vec<String>,
    /// Seconds of sound
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', default_value = "1,10,30")]
    pub(crate) seconds: Vec<u32>,
    /// Milliseconds for each line
    #[arg(long, value_name = "MS", default_value_t = 500.0)]
    pub(crate) budget: f64,
    /// As JSON, with every sample
    #[arg(long)]
    pub(crate) json: bool,
}

/// `matrix bench waits`
#[derive(Args, Debug)]
pub(crate) struct WaitsArgs {
    /// Browsers: chrome, edge, firefox, safari, or native for none
    #[arg(long, value_name = "BROWSER", value_delimiter = ',', default_value = "chrome,firefox")]
    pub(crate) browser: Vec<String>,
    /// Milliseconds of waits in each
    #[arg(long, value_name = "MS", default_value_t = 500.0)]
    pub(crate) budget: f64,
    /// As JSON, with every sample
    #[arg(long)]
    pub(crate) json: bool,
}
