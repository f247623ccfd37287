//! What can be typed to look into one question.

use clap::{Args, Subcommand};

use super::{Int4Args, KvQualityArgs, QuantizationArgs};

/// `matrix analyze`
#[derive(Args, Debug)]
pub(crate) struct AnalyzeArgs {
    #[command(subcommand)]
    pub(crate) action: AnalyzeAction,
}

/// What is looked into. Everything is measured anew, and recorded like any run.
#[derive(Debug, Subcommand)]
pub(crate) enum AnalyzeAction {
    /// Accuracy, bytes and times of weights in 4, 8 and 16 bits, on a page
    Quantization(QuantizationArgs),
    /// Accuracy and times of every way to store 4-bit weights, as plots
    Int4(Int4Args),
    /// Agreement with f32 of every way to keep keys and values, over lengths of prompts
    KvCache(KvQualityArgs),
}
