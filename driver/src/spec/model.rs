//! The forms in which a matrix names a model.

use std::path::{Path, PathBuf};

use matrix_engine::catalog::{Family, Size};

use super::node::{Fault, Node};
use super::tree::Tree;
use super::word::{self, UnknownWord};
use crate::plan::{Model, Weights};
use crate::weights;

/// Size of a preset that is named by its family alone: the one that runs in seconds.
pub const DEFAULT_SIZE: Size = Size::Tiny;

/// Reads one model:
///
/// - `bert`: the preset of a family, size [`DEFAULT_SIZE`]
/// - `bert-small`: the preset of a family and size
/// - `minilm`: a named set of real weights
/// - `{family, size, seed}`: a preset
/// - `{path}`, `{family, path}`: a Hugging Face folder, relative to the working directory
/// - `{weights: minilm}`: a named set
///
/// A map may also hold `name`, the model's name in tables.
///
/// # Errors
/// When it is none of these.
pub fn read(node: &Node<'_>) -> Result<Model, Fault> {
    match node.tree {
        Tree::Text(word) => by_word(word).map_err(|unknown| {
            let fault = node.unknown(&unknown);
            if word.contains(['/', '\\']) {
                fault.hint(format!("to name a folder, write `{{path: {word}}}`"))
            } else {
                fault
            }
        }),
        Tree::Map(_) => read_map(node),
        _ => Err(node.expected("a model (a word, or a map with `family`, `path` or `weights`)")),
    }
}

/// The model that a single word means.
///
/// # Errors
/// When no preset and no set of weights is called that.
pub fn by_word(word: &str) -> Result<Model, UnknownWord> {
    if let Some(named) = weights::find(word) {
        return Ok(from_named(named));
    }
    let (family, size) = word.rsplit_once('-').unwrap_or((word, DEFAULT_SIZE.name()));
    match (word::parse::<Family>(family), word::parse::<Size>(size)) {
        (Ok(family), Ok(size)) => Ok(preset(family, size, 0)),
        _ => {
            let names = weights::NAMED.iter().map(|named| named.name.to_owned());
            let families = Family::ALL.iter().map(|family| family.name().to_owned());
            let sizes = Family::ALL.iter().flat_map(|f| Size::ALL.iter().map(|s| format!("{}-{}", f.name(), s.name())));
            Err(UnknownWord {
                kind: "model".into(),
                found: word.into(),
                allowed: families.chain(sizes).chain(names).collect(),
            })
        }
    }
}

/// A model in a folder.
#[must_use]
pub fn in_folder(path: &Path, family: Option<Family>) -> Model {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    // Only the working directory can be missing; the path as written then serves as well as any.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Model { name, family, weights: Weights::Folder { path } }
}

fn from_named(named: &weights::Named) -> Model {
    let weights = Weights::Named { name: named.name.into() };
    Model { name: named.name.into(), family: Some(named.family), weights }
}

fn preset(family: Family, size: Size, seed: u64) -> Model {
    let name = format!("{}-{}", family.name(), size.name());
    let name = if seed == 0 { name } else { format!("{name}-seed{seed}") };
    Model { name, family: Some(family), weights: Weights::Synthetic { size, seed } }
}

fn read_map(node: &Node<'_>) -> Result<Model, Fault> {
    let fields = node.fields("a model", &["name", "family", "size", "seed", "path", "weights"])?;
    let only = |form: &str, foreign: &[&str]| {
        let found = foreign.iter().find_map(|key| fields.get(key).map(|node| (key, node)));
        found.map_or(Ok(()), |(key, value)| {
            Err(value.fault(format!("`{key}` means nothing for a model given by `{form}`")))
        })
    };
    let family = fields.read("family", Node::word::<Family>)?;
    let mut model = if let Some(path) = fields.read("path", |node| node.text("a folder").map(PathBuf::from))? {
        only("path", &["size", "seed", "weights"])?;
        in_folder(&path, family)
    } else if let Some(value) = fields.get("weights") {
        only("weights", &["size", "seed", "family"])?;
        let word = value.text("the name of a set of weights")?;
        let unknown = || {
            let known = weights::NAMED.iter().map(|named| named.name);
            value.unknown(&UnknownWord::new("set of weights", word, known))
        };
        from_named(weights::find(word).ok_or_else(unknown)?)
    } else if let Some(family) = family {
        let size = fields.read("size", Node::word::<Size>)?.unwrap_or(DEFAULT_SIZE);
        let seed = fields.read("seed", |node| node.count("a seed", 0, u32::MAX))?.unwrap_or(0);
        preset(family, size, seed.into())
    } else {
        return Err(node.fault("a model needs `family`, `path` or `weights`"));
    };
    if let Some(name) = fields.read("name", |node| node.text("a name"))? {
        model.name = name.into();
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_presets_or_named_weights() {
        assert_eq!(by_word("bert").expect("a family"), preset(Family::Bert, DEFAULT_SIZE, 0));
        assert_eq!(by_word("roberta-full").expect("a preset"), preset(Family::Roberta, Size::Full, 0));
        assert_eq!(by_word("minilm").expect("a set").weights, Weights::Named { name: "minilm".into() });
        assert!(by_word("bert-huge").is_err());
    }

    #[test]
    fn a_seed_is_part_of_the_name() {
        assert_eq!(preset(Family::Bert, Size::Tiny, 7).name, "bert-tiny-seed7");
    }
}
