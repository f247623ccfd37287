//! What can be typed to look into formats of weights.

use std::path::PathBuf;

use clap::Args;

use crate::spec::calibrations;

/// `matrix analyze quantization`
#[derive(Args, Debug)]
pub(crate) struct QuantizationArgs {
    #[command(flatten)]
    pub(crate) subject: QuantizedArgs,
    /// Bits of a weight: 4, 8, 16
    #[arg(long, value_name = "BITS", value_delimiter = ',', default_value = "4,8,16",
        value_parser = clap::builder::PossibleValuesParser::new(["4", "8", "16"]))]
    pub(crate) bits: Vec<String>,
    /// The page
    #[arg(long, short, value_name = "FILE.html", default_value = "results/quantization.html")]
    pub(crate) output: PathBuf,
}

/// `matrix analyze int4`
#[derive(Args, Debug)]
pub(crate) struct Int4Args {
    #[command(flatten)]
    pub(crate) subject: QuantizedArgs,
    /// The plots: .png, .svg or a whole .html page
    #[arg(long, visible_alias = "output", value_name = "FILE.png", default_value = "results/int4.png")]
    pub(crate) output_plot: PathBuf,
}

/// What is measured, and where.
#[derive(Args, Debug)]
pub(crate) struct QuantizedArgs {
    /// Models: a preset (llama, bert), named weights (minilm), a Hugging Face folder, or all: every family, and
    /// the named weights that are here
    #[arg(long, value_name = "MODEL", value_delimiter = ',', required = true)]
    pub(crate) model: Vec<String>,
    /// Calibrations of 4-bit weights: none, mse, hqq; the slow ones, like hqq, only with real weights if not asked for
    #[arg(long, value_name = "WORD", value_delimiter = ',',
        value_parser = clap::builder::PossibleValuesParser::new(calibrations()))]
    pub(crate) calibrations: Vec<String>,
    /// Every size of groups, not only 32 and 128, with every calibration
    #[arg(long)]
    pub(crate) all_tests: bool,
    /// Browser: chrome, edge, firefox, safari, native; chrome for one model, native for several
    #[arg(long, value_name = "BROWSER")]
    pub(crate) browser: Option<String>,
    /// Platform: webgpu or wasm; native-gpu or native-cpu without a browser
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Samples at least; 4 for one model, for several no times are taken
    #[arg(long, value_name = "N")]
    pub(crate) min_samples: Option<u32>,
    /// Seconds of sampling for each format
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub(crate) budget: f64,
    /// Scripted browsers instead of real ones
    #[arg(long, hide = true, value_name = "SCRIPT")]
    pub(crate) mock: Option<String>,
}
