//! What can be typed to look into KV caches.

use std::path::PathBuf;

use clap::Args;

use crate::spec::MAX_TOKENS;

/// `matrix analyze kv-cache`
#[derive(Args, Debug)]
pub(crate) struct KvQualityArgs {
    /// Models that continue text: a preset (llama, gpt2-tiny) or a Hugging Face folder
    #[arg(long, value_name = "MODEL", value_delimiter = ',', required = true)]
    pub(crate) model: Vec<String>,
    /// Lengths of prompts, in tokens
    #[arg(
        long,
        value_name = "N",
        value_delimiter = ',',
        default_value = "64,128,256,512",
        value_parser = clap::value_parser!(u32).range(16..=i64::from(MAX_TOKENS))
    )]
    pub(crate) contexts: Vec<u32>,
    /// Browser: chrome, edge, firefox, safari, native
    #[arg(long, value_name = "BROWSER", default_value = "chrome")]
    pub(crate) browser: String,
    /// Platform: webgpu or wasm; native-gpu or native-cpu without a browser
    #[arg(long, value_name = "PLATFORM")]
    pub(crate) platform: Option<String>,
    /// The curves: .html, .png or .svg
    #[arg(long, short, value_name = "FILE", default_value = "results/kv_cache.html")]
    pub(crate) output: PathBuf,
    /// Scripted browsers instead of real ones
    #[arg(long, hide = true, value_name = "SCRIPT")]
    pub(crate) mock: Option<String>,
}
