//! What can be typed to compare runs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::report::RowsFormat;

/// How differences are judged; of `compare` and `gate`.
#[derive(Args, Debug)]
pub(crate) struct JudgeArgs {
    /// Loss that is allowed: 5% for every time and process memory, or METRIC=5% for one
    #[arg(long, value_name = "[METRIC=]PERCENT", value_delimiter = ',')]
    pub(crate) threshold: Vec<String>,
    /// Only these metrics, e.g. infer_time,memory_peak
    #[arg(long, value_name = "METRIC", value_delimiter = ',')]
    pub(crate) metric: Vec<String>,
    /// Facts of the fingerprint that may differ, e.g. browser_version,device.features
    #[arg(long, value_name = "FACT", value_delimiter = ',')]
    pub(crate) across: Vec<String>,
    /// Which arm of both runs is compared
    #[arg(long, value_enum, default_value_t = ArmWord::Treatment)]
    pub(crate) arm: ArmWord,
    /// File of known outcomes
    #[arg(long, value_name = "FILE")]
    pub(crate) expectations: Option<PathBuf>,
    /// In which form
    #[arg(long, value_enum, default_value_t = RowsFormat::Table)]
    pub(crate) format: RowsFormat,
    /// Every line, not only what changed or is unclear
    #[arg(long)]
    pub(crate) all: bool,
}

/// Values of `--arm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArmWord {
    /// Without the optimizations
    Baseline,
    /// With them
    Treatment,
}

/// `matrix compare`
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Compared with: a run's id, 'latest', 'last-green', FILE.db or FILE.db:RUN
    #[arg(value_name = "A")]
    pub(crate) before: String,
    /// What is compared; the same run as A compares its arms, which are paired
    #[arg(value_name = "B", default_value = "latest")]
    pub(crate) after: String,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

/// `matrix gate`
#[derive(Args, Debug)]
pub(crate) struct GateArgs {
    /// Which run: its id, or 'latest'
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(crate) run: String,
    /// Compared with: 'last-green', a run's id, FILE.db or FILE.db:RUN
    #[arg(long, value_name = "RUN", default_value = "last-green")]
    pub(crate) against: String,
    /// What is unclear is let through
    #[arg(long)]
    pub(crate) allow_inconclusive: bool,
    /// Annotations for GitHub, and a summary of the step; on by itself in GitHub Actions
    #[arg(long)]
    pub(crate) github: bool,
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

/// `matrix history`
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// Model, family or glob
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: String,
    /// Optimization, or several joined by +
    #[arg(long, value_name = "OPTIMIZATION")]
    pub(crate) optimization: String,
    /// Metric
    #[arg(long, value_name = "METRIC", default_value = "infer_time")]
    pub(crate) metric: String,
    /// In which form
    #[arg(long, value_enum, default_value_t = RowsFormat::Table)]
    pub(crate) format: RowsFormat,
}

/// `matrix merge`
#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// Stores of the parts: FILE.db for the newest run, or FILE.db:RUN
    #[arg(required = true, value_name = "FILE.db")]
    pub(crate) parts: Vec<String>,
    /// Store that gets the whole run; made when it is not there
    #[arg(long, value_name = "FILE.db")]
    pub(crate) into: PathBuf,
}

/// `matrix expectations`
#[derive(Args, Debug)]
pub(crate) struct ExpectationsArgs {
    #[command(subcommand)]
    pub(crate) action: ExpectationsAction,
}

/// What to do with known outcomes.
#[derive(Debug, Subcommand)]
pub(crate) enum ExpectationsAction {
    /// Say what ended otherwise than is known; exit code 1 when something failed that should not
    Check(ExpectationsOf),
    /// Rewrite the file so that the run agrees with it
    Update(ExpectationsOf),
}

/// Which file, which run.
#[derive(Args, Debug)]
pub(crate) struct ExpectationsOf {
    /// The file
    #[arg(value_name = "FILE", default_value = "expectations.yaml")]
    pub(crate) file: PathBuf,
    /// Which run: its id, or 'latest'
    #[arg(long, value_name = "RUN", default_value = "latest")]
    pub(crate) run: String,
}
