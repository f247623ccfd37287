//! What can be typed about models and their weights.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `matrix models`
#[derive(Args, Debug)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ModelsAction>,
}

/// What to say of models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// Say what a Hugging Face folder holds
    Inspect {
        /// The folder
        folder: PathBuf,
    },
}

/// `matrix weights`
#[derive(Args, Debug)]
pub(crate) struct WeightsArgs {
    #[command(subcommand)]
    pub(crate) action: WeightsAction,
}

/// What to do with weights.
#[derive(Debug, Subcommand)]
pub(crate) enum WeightsAction {
    /// Say which named weights exist and which are here
    List,
    /// Fetch named weights, verify them, keep them in the cache folder
    Add {
        /// Their name
        name: String,
    },
}

/// `matrix conformance`
#[derive(Args, Debug)]
pub(crate) struct ConformanceArgs {
    /// Folders of cases
    #[arg(required = true, value_name = "DIR")]
    pub(crate) cases: Vec<PathBuf>,
    /// Browsers: chrome, edge, firefox, safari, native
    #[arg(long, value_name = "BROWSER", value_delimiter = ',', default_value = "native")]
    pub(crate) browser: Vec<String>,
    /// Platforms: webgpu, wasm, native-gpu, native-cpu; every one the browser has without it
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the browsers' windows
    #[arg(long)]
    pub(crate) headed: bool,
}
