//! What is computed in every cell.

use std::path::PathBuf;

use matrix_engine::protocol::Sampling as Choice;

use super::node::{Fault, Node};
use super::tree::Tree;
use crate::plan::Network;

/// Sentences used when a matrix names none; of different lengths, as real inputs are.
pub const DEFAULT_TEXTS: [&str; 4] = [
    "The kettle is still warm.",
    "Our train to the coast leaves at seven, and the tickets are in the blue envelope.",
    "A browser can only measure what it is allowed to see, so every number here says where it comes from.",
    "She kept the old radio because its dial glowed in the dark, although no station had been on the air for years.",
];

/// Tokens per sequence when a model has no tokenizer.
pub const DEFAULT_TOKENS: u32 = 64;

/// Tokens that follow a prompt.
pub const DEFAULT_DECODE: u32 = 16;

/// Most lengths that quality is compared at.
pub const MAX_LENGTHS: usize = 16;

/// Most tokens of a sequence.
pub const MAX_TOKENS: u32 = 8192;

/// Longest sound that is made up: longer than any model listens at once.
pub const MAX_SECONDS: u32 = 600;

/// The fastest a network may be: faster than any machine.
pub const MAX_MBPS: u32 = 1_000_000;

/// The longest a network may take to answer.
pub const MAX_LATENCY_MS: u32 = 60_000;

/// The hottest a choice may be.
pub const MAX_TEMPERATURE: f64 = 100.0;

/// The `scenario:` of a matrix, as far as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// The sentences.
    pub texts: Option<Vec<String>>,
    /// Tokens per sequence.
    pub tokens: Option<u32>,
    /// Tokens of the prompts at which a smaller KV cache is compared with a whole one.
    pub lengths: Option<Vec<u32>>,
    /// Tokens that follow a prompt.
    pub decode: Option<u32>,
    /// How they are chosen.
    pub choice: Option<Drawn>,
    /// A PNG or JPEG file.
    pub image: Option<PathBuf>,
    /// A WAV or FLAC file.
    pub audio: Option<PathBuf>,
    /// Seconds of sound where there is no file.
    pub seconds: Option<u32>,
    /// A folder of PNG or JPEG frames.
    pub video: Option<PathBuf>,
    /// What the wire that weights come over is like.
    pub network: Option<Network>,
}

/// Tokens are drawn by chance. `None` leaves a rule out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawn {
    /// Logits are divided by it.
    pub temperature: Option<f64>,
    /// Only so many of the likeliest count.
    pub top_k: Option<u32>,
    /// Only the likeliest that have this probability together count.
    pub top_p: Option<f64>,
    /// Equal seeds draw equally.
    pub seed: Option<u32>,
}

impl Scenario {
    /// Reads `{texts: […], tokens: n, lengths: […], decode: n or {…}, image: file, audio: file, seconds: n,
    /// video: folder, network: {…}}`.
    ///
    /// # Errors
    /// When a key or a value is wrong.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let keys = ["texts", "tokens", "lengths", "decode", "image", "audio", "seconds", "video", "network"];
        let fields = node.fields("the scenario", &keys)?;
        let texts = fields.read("texts", |node| {
            let texts = node.list("a list of sentences")?;
            texts.iter().map(|text| Ok(text.text("a sentence")?.to_owned())).collect::<Result<Vec<_>, Fault>>()
        })?;
        let (decode, choice) = fields.read("decode", read_decode)?.unwrap_or_default();
        let path = |key: &str, what: &str| fields.read(key, |node| node.text(what).map(PathBuf::from));
        Ok(Self {
            texts,
            tokens: fields.read("tokens", |node| node.count("`tokens`", 1, MAX_TOKENS))?,
            lengths: fields.read("lengths", read_lengths)?,
            decode,
            choice,
            image: path("image", "a PNG or JPEG file")?,
            audio: path("audio", "a WAV or FLAC file")?,
            seconds: fields.read("seconds", |node| node.count("`seconds`", 1, MAX_SECONDS))?,
            video: path("video", "a folder of PNG or JPEG frames")?,
            network: fields.read("network", read_network)?,
        })
    }
}

/// Numbers of tokens.
fn read_lengths(node: &Node<'_>) -> Result<Vec<u32>, Fault> {
    let lengths = node.list("a list of numbers of tokens")?;
    if lengths.len() > MAX_LENGTHS {
        let message = format!("{} lengths are too many", lengths.len());
        return Err(node.fault(message).note(format!("allowed: up to {MAX_LENGTHS}")));
    }
    lengths.iter().map(|length| length.count("a number of tokens", 1, MAX_TOKENS)).collect()
}

/// `{latency_ms, mbps, total_mbps}`.
fn read_network(node: &Node<'_>) -> Result<Network, Fault> {
    let fields = node.fields("`network`", &["latency_ms", "mbps", "total_mbps"])?;
    let rate = |key: &str| fields.read(key, |node| node.count(&format!("`{key}`"), 1, MAX_MBPS));
    let latency = fields.read("latency_ms", |node| node.count("`latency_ms`", 0, MAX_LATENCY_MS))?;
    Ok(Network { latency_ms: latency.unwrap_or(0), mbps: rate("mbps")?, total_mbps: rate("total_mbps")? })
}

/// A number of tokens, or `{tokens, temperature, top_k, top_p, seed}`.
fn read_decode(node: &Node<'_>) -> Result<(Option<u32>, Option<Drawn>), Fault> {
    let count = |node: &Node<'_>| node.count("a number of tokens", 1, MAX_TOKENS);
    if !matches!(node.tree, Tree::Map(_)) {
        return Ok((Some(count(node)?), None));
    }
    let fields = node.fields("`decode`", &["tokens", "temperature", "top_k", "top_p", "seed"])?;
    let drawn = Drawn {
        temperature: fields.read("temperature", |node| node.number("a temperature", 0.01, MAX_TEMPERATURE))?,
        top_k: fields.read("top_k", |node| node.count("`top_k`", 1, u32::MAX))?,
        top_p: fields.read("top_p", |node| node.number("`top_p`", 0.01, 1.0))?,
        seed: fields.read("seed", |node| node.count("a seed", 0, u32::MAX))?,
    };
    Ok((fields.read("tokens", count)?, Some(drawn).filter(|drawn| *drawn != Drawn::default())))
}

impl From<Drawn> for Choice {
    #[expect(clippy::cast_possible_truncation, reason = "bounded when it was read")]
    fn from(drawn: Drawn) -> Self {
        Self::Random {
            temperature: drawn.temperature.unwrap_or(1.0) as f32,
            top_k: drawn.top_k.unwrap_or(0),
            top_p: drawn.top_p.unwrap_or(1.0) as f32,
            seed: drawn.seed.unwrap_or(0).into(),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ms", self.latency_ms)?;
        self.mbps.map_or(Ok(()), |mbps| write!(f, ", {mbps} Mbit/s each"))?;
        self.total_mbps.map_or(Ok(()), |mbps| write!(f, ", {mbps} Mbit/s in total"))
    }
}

impl std::fmt::Display for Drawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "drawn at temperature {}", self.temperature.unwrap_or(1.0))?;
        self.top_k.map_or(Ok(()), |k| write!(f, ", top_k {k}"))?;
        self.top_p.map_or(Ok(()), |p| write!(f, ", top_p {p}"))?;
        write!(f, ", seed {}", self.seed.unwrap_or(0))
    }
}
