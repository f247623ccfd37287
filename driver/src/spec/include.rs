//! Cells besides those that rules make: `{optimization: kv_cache, with: {kv_cache: {bits: 8}}}`.

use super::node::{Fault, Node};
use super::optimization::{self, Chosen};
use super::selector::{KEYS, Selector};

/// The key of settings.
pub const WITH: &str = "with";

/// An entry of `include:`.
#[derive(Clone, Debug)]
pub struct Include {
    /// Which cells: for a key that is absent, every value of the matrix.
    pub cells: Selector,
    /// Settings of their optimizations in place of the matrix's, as far as they are written.
    pub with: Vec<Chosen>,
}

impl Include {
    /// Reads an entry.
    ///
    /// # Errors
    /// When a key or a value does not exist, or something is set that the cells don't have.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let keys: Vec<&str> = KEYS.into_iter().chain([WITH]).collect();
        let fields = node.fields("a selection of cells", &keys)?;
        let Some(with) = fields.get(WITH) else { return Ok(Self { cells: Selector::read(node)?, with: Vec::new() }) };
        let cells = Selector::from_fields(&fields)?;
        let chosen = optimization::read_map(&with)?;
        match chosen.iter().map(|chosen| chosen.optimization.word).find(|word| !cells.optimizations.contains(word)) {
            Some(word) => Err(with
                .fault(format!("`{word}` is set, but is no optimization of these cells"))
                .hint(format!("add `optimization: {word}`"))),
            None => Ok(Self { cells, with: chosen }),
        }
    }
}
