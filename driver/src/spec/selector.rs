//! `{platform: wasm, optimization: int4}`: which cells an entry of `include`, `exclude` or `expect` is about.

use matrix_engine::protocol::Platform;

use super::glob;
use super::node::{Fault, Fields, Node};
use super::optimization;
use super::place::Path;
use crate::browser::BrowserId;
use crate::plan::Model;

/// The keys of a selector.
pub const KEYS: [&str; 4] = ["browser", "platform", "model", "optimization"];

/// Keys that must all match. A key that is absent matches everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    /// Any of these browsers.
    pub browsers: Vec<BrowserId>,
    /// Any of these platforms.
    pub platforms: Vec<Platform>,
    /// Any model whose name matches one of these globs, or that is of a family of that name.
    pub models: Vec<String>,
    /// All of these optimizations, and perhaps others.
    pub optimizations: Vec<&'static str>,
    /// Where `models` stands in the file.
    pub models_at: Path,
}

impl Selector {
    /// Reads a selector that must have at least one key.
    ///
    /// # Errors
    /// When a key or a value does not exist.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let fields = node.fields("a selection of cells", &KEYS)?;
        let selector = Self::from_fields(&fields)?;
        if KEYS.iter().all(|key| fields.get(key).is_none()) {
            return Err(node
                .fault("an empty selection would match every cell")
                .note(format!("allowed: {}", KEYS.join(", "))));
        }
        Ok(selector)
    }

    /// Reads the keys of a selector from a map that may have others.
    ///
    /// # Errors
    /// When a value does not exist.
    pub fn from_fields(fields: &Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            browsers: read_each(fields, "browser", Node::word)?,
            platforms: read_each(fields, "platform", Node::word)?,
            models: read_each(fields, "model", |node| Ok(node.text("a model")?.to_owned()))?,
            optimizations: read_each(fields, "optimization", |node| Ok(optimization::read_word(node)?.word))?,
            models_at: fields.get("model").map(|node| node.path).unwrap_or_default(),
        })
    }

    /// Whether a model is meant.
    #[must_use]
    pub fn wants_model(&self, model: &Model) -> bool {
        self.models.is_empty() || self.models.iter().any(|wanted| is_model(wanted, model))
    }

    /// Whether a cell is meant.
    #[must_use]
    pub fn matches(&self, browser: BrowserId, platform: Platform, model: &Model, optimizations: &[&str]) -> bool {
        (self.browsers.is_empty() || self.browsers.contains(&browser))
            && (self.platforms.is_empty() || self.platforms.contains(&platform))
            && self.wants_model(model)
            && self.optimizations.iter().all(|wanted| optimizations.contains(wanted))
    }
}

/// Whether `wanted` means the model: its name, a glob over it, or its family.
#[must_use]
pub fn is_model(wanted: &str, model: &Model) -> bool {
    glob::matches(wanted, &model.name) || model.family.is_some_and(|family| family.name() == wanted)
}

fn read_each<'a, T>(
    fields: &Fields<'a>,
    key: &str,
    read: impl Fn(&Node<'a>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let values = fields.read(key, |node| node.one_or_more(&format!("`{key}` (a value or a list of values)")))?;
    values.unwrap_or_default().iter().map(read).collect()
}
