//! What can be typed to look into one question.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{Int4Args, KvQualityArgs, QuantizationArgs, RunArgs};

/// `matrix analyze`
#[derive(Args, Debug)]
pub(crate) struct AnalyzeArgs {
    #[command(subcommand)]
    pub(crate) action: AnalyzeAction,
}

/// What is looked into. Everything is measured anew, and recorded like any run.
#[derive(Debug, Subcommand)]
pub(crate) enum AnalyzeAction {
    /// How much memory the optimizations save, alone and together
    Memory(MemoryArgs),
    /// How the memory of a model goes from load to warm-up, with each optimization and without
    MemoryUsage(MemoryUsageArgs),
    /// Accuracy, bytes and times of weights in 4, 8 and 16 bits, on a page
    Quantization(QuantizationArgs),
    /// Accuracy and times of every way to store 4-bit weights, as plots
    Int4(Int4Args),
    /// Agreement with f32 of every way to keep keys and values, over lengths of prompts
    KvCache(KvQualityArgs),
}

/// `matrix analyze memory`
#[derive(Args, Debug)]
pub(crate) struct MemoryArgs {
    #[command(flatten)]
    pub(crate) subject: SubjectArgs,
    /// Which optimizations run together: each, pairs, all, suited, recommended, together
    #[arg(long, value_name = "RULE", default_value = "each")]
    pub(crate) combinations: String,
}

/// `matrix analyze memory-usage`
#[derive(Args, Debug)]
pub(crate) struct MemoryUsageArgs {
    #[command(flatten)]
    pub(crate) subject: SubjectArgs,
}

/// What is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct SubjectArgs {
    /// Models: a preset (llama, bert), named weights (minilm) or a Hugging Face folder
    #[arg(long, value_name = "MODEL", value_delimiter = ',', required = true)]
    pub(crate) model: Vec<String>,
    /// Browsers: chrome, edge, firefox, safari, native
    #[arg(long, value_name = "BROWSER", value_delimiter = ',', default_value = "chrome")]
    pub(crate) browser: Vec<String>,
    /// Platforms: webgpu, wasm, native-gpu, native-cpu, or all of the browser's
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', default_value = "all")]
    pub(crate) platform: Vec<String>,
    /// The optimizations
    #[arg(
        long,
        value_name = "WORD",
        value_delimiter = ',',
        default_value = "int4,flash_attention,kv_cache,progressive_loading,streaming,cpu_offload"
    )]
    pub(crate) optimizations: Vec<String>,
    /// In which form the answer comes; the page with all charts is always written
    #[arg(long, value_enum, default_value_t = Shown::Table)]
    pub(crate) output: Shown,
    /// Folder of the page
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) output_dir: PathBuf,
    /// Scripted browsers instead of real ones
    #[arg(long, hide = true, value_name = "SCRIPT")]
    pub(crate) mock: Option<String>,
}

/// Values of `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shown {
    /// A table, and the page
    Table,
    /// Only the page
    Html,
}

/// The rest of what `matrix run` can be told, as it is where nothing is said.
#[derive(Parser)]
struct Usual {
    #[command(flatten)]
    args: RunArgs,
}

impl SubjectArgs {
    /// The arguments of the run that answers.
    ///
    /// # Errors
    /// Never, unless `matrix run` gets an argument that has to be given.
    pub(crate) fn run(&self) -> Result<RunArgs, clap::Error> {
        let usual = Usual::try_parse_from(["matrix"])?.args;
        let native = self.browser.iter().any(|browser| browser == "native");
        let all: &[&str] = match (native, self.browser.len()) {
            (false, _) => &["webgpu", "wasm"],
            (true, 1) => &["native-gpu", "native-cpu"],
            (true, _) => &["webgpu", "wasm", "native-gpu", "native-cpu"],
        };
        let is_all = self.platform.iter().any(|platform| platform == "all");
        let platform = if is_all { all.iter().map(ToString::to_string).collect() } else { self.platform.clone() };
        Ok(RunArgs {
            model: self.model.clone(),
            browser: self.browser.clone(),
            platform,
            // Memory is counted, not sampled: once is the truth.
            min_samples: Some(1),
            max_samples: Some(1),
            pages: Some(1),
            memory_profile: true,
            output_dir: self.output_dir.clone(),
            mock: self.mock.clone(),
            ..usual
        })
    }
}
