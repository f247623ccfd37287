//! Flags that say what a cell computes.

use std::path::PathBuf;

use clap::Args;

use crate::plan::Network;
use crate::spec::{Drawn, MAX_LATENCY_MS, MAX_MBPS, MAX_SECONDS, MAX_TEMPERATURE, MAX_TOKENS, Scenario};

/// What a cell computes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ScenarioArgs {
    /// A sentence for models that read; may be given several times
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Tokens per sequence
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TOKENS)))]
    tokens: Option<u32>,
    /// Prompts at which a smaller KV cache is compared with a whole one, in tokens
    #[arg(long, value_name = "N", value_delimiter = ',',
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TOKENS)))]
    lengths: Vec<u32>,
    /// Tokens that follow a prompt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TOKENS)))]
    decode: Option<u32>,
    /// Draw tokens instead of taking the likeliest; higher is wilder
    #[arg(long, value_name = "T", value_parser = |text: &str| within(text, 0.01, MAX_TEMPERATURE))]
    temperature: Option<f64>,
    /// Draw from so many of the likeliest tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Draw from the likeliest tokens that have this probability together
    #[arg(long, value_name = "P", value_parser = |text: &str| within(text, 0.01, 1.0))]
    top_p: Option<f64>,
    /// Seed of the draws
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// PNG or JPEG file for models that see
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// WAV or FLAC file for models that hear
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Seconds of made-up sound for models that hear, where there is no file
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SECONDS)))]
    seconds: Option<u32>,
    /// Folder of PNG or JPEG frames for models that watch
    #[arg(long, value_name = "DIR")]
    video: Option<PathBuf>,
    /// Milliseconds until weights begin to come
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_LATENCY_MS)))]
    latency_ms: Option<u32>,
    /// Megabits per second at which weights come over one connection
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_MBPS)))]
    mbps: Option<u32>,
    /// Megabits per second at which weights come over all connections together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_MBPS)))]
    total_mbps: Option<u32>,
}

impl ScenarioArgs {
    /// The same in the words of a matrix file.
    pub(crate) fn scenario(&self) -> Scenario {
        let drawn = Drawn { temperature: self.temperature, top_k: self.top_k, top_p: self.top_p, seed: self.seed };
        let latency_ms = self.latency_ms.unwrap_or(0);
        let network = Network { latency_ms, mbps: self.mbps, total_mbps: self.total_mbps };
        Scenario {
            texts: Some(self.text.clone()).filter(|texts| !texts.is_empty()),
            tokens: self.tokens,
            lengths: Some(self.lengths.clone()).filter(|lengths| !lengths.is_empty()),
            decode: self.decode,
            choice: Some(drawn).filter(|drawn| *drawn != Drawn::default()),
            image: self.image.clone(),
            audio: self.audio.clone(),
            seconds: self.seconds,
            video: self.video.clone(),
            network: Some(network).filter(|network| *network != Network::default()),
        }
    }
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let inside = (least..=most).contains(&number);
    inside.then_some(number).ok_or_else(|| format!("{number} is not in {least}..={most}"))
}
