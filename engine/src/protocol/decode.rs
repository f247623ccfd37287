//! How a prompt is continued.

use serde::{Deserialize, Serialize};

/// How a prompt is continued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decode {
    /// The most ids for a sequence.
    pub max_tokens: u32,
    /// How an id is chosen.
    pub sampling: Sampling,
    /// Ids that end a sequence.
    #[serde(default)]
    pub stop: Vec<i32>,
    /// Whether the logits of every step are read back.
    #[serde(default)]
    pub step_logits: bool,
    /// Ids that the sequences take whatever is chosen, a row for each; empty when the choice is free. Logits
    /// of two models can be compared step by step only when both went the same way.
    #[serde(default)]
    pub forced: Vec<Vec<i32>>,
}

impl Decode {
    /// The likeliest id, `max_tokens` times.
    #[must_use]
    pub fn greedy(max_tokens: u32) -> Self {
        Self { max_tokens, sampling: Sampling::Greedy, stop: Vec::new(), step_logits: false, forced: Vec::new() }
    }
}

/// How an id is chosen from logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Sampling {
    /// The likeliest.
    Greedy,
    /// One of the likeliest, by chance.
    Random {
        /// Logits are divided by it.
        temperature: f32,
        /// Only so many of the likeliest count; 0 for all.
        top_k: u32,
        /// Only the likeliest that have this probability together count; 1 for all.
        top_p: f32,
        /// Seed of the choice. Equal seeds give equal ids.
        seed: u64,
    },
}
