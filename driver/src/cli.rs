//! The command line: what can be typed. No logic beyond choosing the command.

mod analyze;
mod bench;
mod comparison;
mod kv_quality;
mod loading;
mod machine;
mod models;
mod quantization;
mod report;
mod scenario;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command;
use crate::error::{Error, ExitCode};
use crate::report::Look;

/// Which in-browser inference optimization works for which model in which browser: measured, with evidence.
#[derive(Debug, Parser)]
#[command(name = "matrix", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 ok, 1 cells failed or numbers regressed, 2 wrong usage or file, 3 this machine lacks something, \
                        4 nothing to run, 5 inconclusive, 6 incomparable, 130 interrupted (resumable)"
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// The store
    #[arg(long, global = true, value_name = "FILE", default_value = "results/matrix.db")]
    pub(crate) db: PathBuf,
    /// No colours, even on a terminal
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Only errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// More: -v what pages say, -vv what matrix does
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Global {
    /// How standard output shows tables. What is no terminal has no width; then lines may be long, but not endless.
    pub(crate) fn look(&self) -> Look {
        let is_terminal = std::io::stdout().is_terminal();
        Look { width: if is_terminal { None } else { Some(160) }, colour: self.colour(is_terminal) }
    }

    /// Whether colours are wanted on a stream.
    pub(crate) fn colour(&self, is_terminal: bool) -> bool {
        is_terminal && !self.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }
}

pub(crate) use analyze::{AnalyzeAction, AnalyzeArgs, Shown, SubjectArgs};
pub(crate) use bench::{BenchAction, BenchArgs, KernelsArgs, SoundArgs, WaitsArgs};
pub(crate) use comparison::{
    ArmWord, CompareArgs, ExpectationsAction, ExpectationsArgs, ExpectationsOf, GateArgs, HistoryArgs, JudgeArgs,
    MergeArgs,
};
pub(crate) use kv_quality::KvQualityArgs;
pub(crate) use machine::{DoctorArgs, SetupArgs};
pub(crate) use models::{ConformanceArgs, ModelsAction, ModelsArgs, WeightsAction, WeightsArgs};
pub(crate) use quantization::{Int4Args, QuantizationArgs, QuantizedArgs};
pub(crate) use report::{QueryArgs, RecomputeArgs, ReportArgs};

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a matrix, record every sample, print the compatibility table, write the report
    Run(Box<RunArgs>),
    /// Render a report from the store
    Report(ReportArgs),
    /// Ask the store in SQL (read-only)
    Query(QueryArgs),
    /// Compute every effect again from the raw samples
    Recompute(RecomputeArgs),
    /// Measure for one question (memory, quantization, KV caches), and draw the answer
    Analyze(AnalyzeArgs),
    /// Time kernels by themselves, in a browser or without one
    Bench(BenchArgs),
    /// Compare two runs, or the arms of one
    Compare(CompareArgs),
    /// Compare a run with an earlier one and fail when something got worse
    Gate(GateArgs),
    /// Show how an effect went from run to run, and where it changed
    History(HistoryArgs),
    /// Put the parts of a sharded run together
    Merge(MergeArgs),
    /// Hold a run against the file of known outcomes, or rewrite that file
    Expectations(ExpectationsArgs),
    /// Say which browsers are here, what they can do, and what is missing
    Doctor(DoctorArgs),
    /// Install missing browsers and drivers with the system's package manager
    Setup(SetupArgs),
    /// List model families and presets, or say what a folder holds and whether the engine can run it
    Models(ModelsArgs),
    /// List or fetch published weights
    Weights(WeightsArgs),
    /// Compare the engine with reference cases: folders of config.json, model.safetensors, case.json, case.safetensors
    Conformance(ConformanceArgs),
    /// Print the JSON Schema of matrix files, for editors
    Schema,
    /// Print a script that completes commands and options in a shell
    Completions(CompletionsArgs),
    /// The engine without a browser; started by `run` and `conformance`
    #[command(hide = true)]
    Host(HostArgs),
}

/// `matrix run`
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Matrix file; without one the flags below say what to run
    pub(crate) file: Option<PathBuf>,
    /// Models: a preset (bert, roberta), named weights (minilm) or a Hugging Face folder
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub(crate) model: Vec<String>,
    /// Browsers: chrome, edge, firefox, safari, native
    #[arg(long, value_name = "BROWSER", value_delimiter = ',')]
    pub(crate) browser: Vec<String>,
    /// Platforms: webgpu, wasm, native-gpu, native-cpu
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// Store weights in fewer bits: 4bit, 8bit or 16bit
    #[arg(long, visible_alias = "enable-quantization", value_name = "BITS")]
    pub(crate) quantization: Option<Quantization>,
    /// Weights that share one scale: 32, 64, 128, 256 or 512
    #[arg(long, value_name = "N")]
    pub(crate) group_size: Option<String>,
    /// Whether groups have zero points: symmetric (no) or asymmetric
    #[arg(long, value_name = "SCHEME")]
    pub(crate) scheme: Option<String>,
    /// How scales are chosen: none (the range), mse, hqq or activations (by what layers are given)
    #[arg(long, value_name = "WAY")]
    pub(crate) calibration: Option<String>,
    /// For activations: a sentence, an image, a sound, or a .txt file of sentences; may be given several times
    #[arg(long, value_name = "TEXT|FILE")]
    pub(crate) calibration_set: Vec<String>,
    /// What integer weights are multiplied with on a GPU: auto, f32, f16 or int8
    #[arg(long, value_name = "WAY")]
    pub(crate) activations: Option<String>,
    /// Tensors that keep their precision, as globs
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(crate) skip_names: Vec<String>,
    /// Matrices and embedding tables that get 8 bits instead of 4, as globs
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(crate) high_bits_names: Vec<String>,
    /// Attention in tiles, without a matrix of scores
    #[arg(long, visible_alias = "enable-flash-attention")]
    pub(crate) flash_attention: bool,
    /// Queries and keys of a tile of flash attention: auto, 32 or 64
    #[arg(long, value_name = "N")]
    pub(crate) block_size: Option<String>,
    /// What flash attention multiplies on a GPU: f32 or f16
    #[arg(long, value_name = "BITS")]
    pub(crate) attention_precision: Option<String>,
    /// Keys and values of earlier tokens in less memory
    #[arg(long, visible_alias = "enable-kv-cache")]
    pub(crate) kv_cache: bool,
    /// Bits of a kept number: none, 4, 8 or 16
    #[arg(long, value_name = "N")]
    pub(crate) kv_bits: Option<String>,
    /// The most tokens that are kept: none or a number
    #[arg(long, value_name = "N")]
    pub(crate) kv_window: Option<String>,
    /// First tokens that a window never drops
    #[arg(long, value_name = "N")]
    pub(crate) kv_sinks: Option<String>,
    /// What decides which tokens of a prompt are kept: none, importance, recency, frequency
    #[arg(long, value_name = "POLICY")]
    pub(crate) kv_prune: Option<String>,
    /// How much of a prompt is kept, e.g. 50%
    #[arg(long, value_name = "SHARE")]
    pub(crate) kv_keep: Option<String>,
    /// Features of sound made on the GPU
    #[arg(long, visible_alias = "enable-compute-shaders")]
    pub(crate) compute_shaders: bool,
    /// Shaders compiled while weights load
    #[arg(long, visible_alias = "enable-shader-precompile")]
    pub(crate) shader_precompile: bool,
    #[command(flatten)]
    pub(crate) loading: loading::LoadingArgs,
    /// Every optimization this version has
    #[arg(long, visible_alias = "all-features")]
    pub(crate) all_optimizations: bool,
    /// Which optimizations run together: each, pairs, all, suited, recommended, together
    #[arg(long, value_name = "RULE")]
    pub(crate) combinations: Option<String>,
    #[command(flatten, next_help_heading = "What is computed")]
    pub(crate) scenario: scenario::ScenarioArgs,
    /// Samples at least
    #[arg(long, value_name = "N", help_heading = "Options")]
    pub(crate) min_samples: Option<u32>,
    /// Samples at most
    #[arg(long, value_name = "N")]
    pub(crate) max_samples: Option<u32>,
    /// Seconds of sampling per cell
    #[arg(long, value_name = "SECONDS")]
    pub(crate) budget: Option<f64>,
    /// Blocks of fresh pages, on which load and first inference are timed; in a used browser the first only warms up
    #[arg(long, value_name = "N")]
    pub(crate) pages: Option<u32>,
    /// Times on a software adapter, a page with a coarse clock or a busy machine don't count
    #[arg(long)]
    pub(crate) strict: bool,
    /// Keep and show how the memory of both arms went
    #[arg(long)]
    pub(crate) memory_profile: bool,
    /// A browser that nobody has used for every fresh page: with an empty profile and no compiled shaders
    #[arg(long)]
    pub(crate) fresh_profile: bool,
    /// Time every operation by itself, too, when a cell is done: by the GPU's clock, or the wall clock on a CPU
    #[arg(long, visible_alias = "profile")]
    pub(crate) trace: bool,
    /// Compare the run, when it is over, with 'last-green', a run's id, FILE.db or FILE.db:RUN, and fail when it is worse
    #[arg(long, value_name = "RUN")]
    pub(crate) gate: Option<String>,
    /// File of known outcomes: cells that end as it says don't fail the run
    #[arg(long, value_name = "FILE")]
    pub(crate) expectations: Option<PathBuf>,
    /// Only some cells, e.g. 'browser=firefox & model=minilm'
    #[arg(long, value_name = "EXPR")]
    pub(crate) only: Option<String>,
    /// One part of the matrix, e.g. 1/4
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
    /// Go on with an interrupted run: its id, or 'latest'
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<String>,
    /// Install missing browsers, drivers and weights first
    #[arg(long)]
    pub(crate) install: bool,
    /// Print the cells and where every value came from; run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show the browsers' windows
    #[arg(long)]
    pub(crate) headed: bool,
    /// Port of the local server; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Folder of reports
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) output_dir: PathBuf,
    /// Folder of templates that replace the built-in ones
    #[arg(long, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
    /// Scripted browsers instead of real ones, e.g. 'chrome=works,firefox=hangs:1'
    #[arg(long, hide = true, value_name = "SCRIPT")]
    pub(crate) mock: Option<String>,
}

/// Values of `--quantization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quantization {
    /// 4-bit weights
    #[value(name = "4bit")]
    Four,
    /// 8-bit weights
    #[value(name = "8bit")]
    Eight,
    /// 16-bit floats
    #[value(name = "16bit")]
    Sixteen,
}

impl Quantization {
    /// The optimization it stands for.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Four => "int4",
            Self::Eight => "int8",
            Self::Sixteen => "f16",
        }
    }
}

/// `matrix completions`
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `matrix host`
#[derive(Args, Debug)]
pub(crate) struct HostArgs {
    /// Address of the host's part of the server
    pub(crate) address: String,
}

/// Runs the program; gives the code it ends with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; what can't be printed can't be helped.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Ok };
        }
    };
    log_to_stderr(cli.global.verbose);
    let colour = cli.global.colour(std::io::stderr().is_terminal());
    run(cli).unwrap_or_else(|error| {
        eprintln!("{}", error.render(colour));
        error.exit_code()
    })
}

fn run(cli: Cli) -> Result<ExitCode, Error> {
    let Cli { global, command } = cli;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::environment(format!("no runtime: {error}")))?;
    let done = runtime.block_on(async {
        match command {
            Command::Run(args) => command::run::run(&global, &args).await,
            Command::Report(args) => command::report::run(&global, &args),
            Command::Query(args) => command::query::run(&global, &args),
            Command::Recompute(args) => command::recompute::run(&global, &args),
            Command::Analyze(args) => command::analyze::run(&global, &args).await,
            Command::Bench(args) => command::bench::run(&global, &args).await,
            Command::Compare(args) => command::compare::run(&global, &args),
            Command::Gate(args) => command::gate::run(&global, &args),
            Command::History(args) => command::history::run(&global, &args),
            Command::Merge(args) => command::merge::run(&global, &args),
            Command::Expectations(args) => command::expectations::run(&global, &args),
            Command::Schema => command::schema::run(),
            Command::Completions(args) => {
                command::completions::run(&args, &mut <Cli as clap::CommandFactory>::command())
            }
            Command::Doctor(args) => command::doctor::run(&args).await,
            Command::Setup(args) => command::setup::run(&args).await,
            Command::Models(args) => command::models::run(&args).await,
            Command::Weights(args) => command::weights::run(&args).await,
            Command::Conformance(args) => command::conformance::run(&global, &args).await,
            Command::Host(args) => command::host::run(&args).await,
        }
    });
    // A browser that hangs may keep a blocking call; it must not keep the program.
    runtime.shutdown_background();
    done
}

fn log_to_stderr(verbose: u8) {
    let default = match verbose {
        0 | 1 => "error,headless_chrome=off",
        2 => "matrix_driver=debug,matrix_engine=debug,warn,headless_chrome=off",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("MATRIX_LOG").unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
