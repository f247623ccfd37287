//! What is computed in every cell.

use super::node::{Fault, Node};

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

/// Most tokens of a sequence.
const MAX_TOKENS: u32 = 8192;

/// The `scenario:` of a matrix, as far as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scenario {
    /// The sentences.
    pub texts: Option<Vec<String>>,
    /// Tokens per sequence.
    pub tokens: Option<u32>,
    /// Tokens that follow a prompt.
    pub decode: Option<u32>,
}

impl Scenario {
    /// Reads `{texts: […], tokens: n, decode: n}`.
    ///
    /// # Errors
    /// When a key or a value is wrong.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let fields = node.fields("the scenario", &["texts", "tokens", "decode"])?;
        let texts = fields.read("texts", |node| {
            let texts = node.list("a list of sentences")?;
            texts.iter().map(|text| Ok(text.text("a sentence")?.to_owned())).collect::<Result<Vec<_>, Fault>>()
        })?;
        let tokens = fields.read("tokens", |node| node.count("`tokens`", 1, MAX_TOKENS))?;
        let decode = fields.read("decode", |node| node.count("`decode`", 1, MAX_TOKENS))?;
        Ok(Self { texts, tokens, decode })
    }
}
