//! What a user expects an optimization to do: `memory: -70%`, `accuracy_loss: "<5%"`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::node::{Fault, Node};
use super::quantity::{Bytes, Percent};
use super::word::UnknownWord;

/// Words of an `expect:` map: what is written, the metric it is about, and what it means.
pub const GOALS: &[(&str, &str, Meaning)] = &[
    ("memory", "memory_peak", Meaning::Change),
    ("weight_memory", "weight_bytes", Meaning::Change),
    ("whole_memory", "whole_peak", Meaning::Change),
    ("load_time", "load_time", Meaning::Change),
    ("reload_time", "reload_time", Meaning::Change),
    ("time_to_first_infer", "time_to_first_infer", Meaning::Change),
    ("first_infer_time", "first_infer_time", Meaning::Change),
    ("infer_time", "infer_time", Meaning::Change),
    ("front_end_time", "front_end_time", Meaning::Change),
    ("accuracy_loss", "accuracy.cosine", Meaning::Loss),
];

/// How a limit is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Treatment over baseline, less one.
    Change,
    /// One less the treatment's value.
    Loss,
}

/// One expectation about one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// The word written: `memory`.
    pub word: String,
    /// The metric it is about: `memory_peak`.
    pub metric: String,
    /// The limit.
    pub limit: Limit,
}

/// The most that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Treatment ≤ (1 + this) × baseline.
    Change(f64),
    /// 1 − treatment ≤ this.
    Loss(f64),
    /// Treatment ≤ this many bytes.
    Bytes(u64),
}

impl Goal {
    /// Reads an `expect:` map of an optimization.
    ///
    /// # Errors
    /// When a word or a limit is not one.
    pub fn read_all(node: &Node<'_>) -> Result<Vec<Self>, Fault> {
        let entries = node.entries("expectations (a map such as `memory: -70%`)")?;
        entries.into_iter().map(|(word, name, value)| Self::read(word, &name, &value)).collect()
    }

    fn read(word: &str, name: &Node<'_>, value: &Node<'_>) -> Result<Self, Fault> {
        let Some((_, metric, meaning)) = GOALS.iter().find(|(known, ..)| *known == word) else {
            let unknown = UnknownWord::new("expectation", word, GOALS.iter().map(|(word, ..)| *word));
            return Err(name.unknown(&unknown));
        };
        let text = value.text(format_args!("a limit for `{word}`, such as `-70%` or `<5%`"))?;
        let limit = Limit::read(text, *meaning, metric).map_err(|message| value.fault(message))?;
        Ok(Self { word: word.into(), metric: (*metric).into(), limit })
    }
}

impl Limit {
    fn read(text: &str, meaning: Meaning, metric: &str) -> Result<Self, String> {
        let bare = text.trim().trim_start_matches('<').trim_start();
        let in_bytes = metric.starts_with("memory") || metric.starts_with("whole") || metric.ends_with("bytes");
        match meaning {
            Meaning::Change if in_bytes && !bare.ends_with('%') => Ok(Self::Bytes(Bytes::from_str(bare)?.0)),
            Meaning::Change => Ok(Self::Change(Percent::from_str(bare)?.0)),
            Meaning::Loss => match Percent::from_str(bare)? {
                Percent(loss) if loss >= 0.0 => Ok(Self::Loss(loss)),
                loss => Err(format!("a loss cannot be {loss}; write how much may be lost, such as `<5%`")),
            },
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Limit::Change(change) if change > 0.0 => write!(f, "{} at most +{}", self.word, Percent(change)),
            Limit::Change(change) => write!(f, "{} {}", self.word, Percent(change)),
            Limit::Loss(loss) => write!(f, "{} below {}", self.word, Percent(loss)),
            Limit::Bytes(bytes) => write!(f, "{} below {}", self.word, Bytes(bytes)),
        }
    }
}
