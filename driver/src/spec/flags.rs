//! What was said on the command line, in the words of a matrix file.

use std::path::{Path, PathBuf};

use super::combination::{Combinations, Rule};
use super::node::{Fault, Node};
use super::optimization::{self, Chosen};
use super::pace::{MAX_BLOCKS, Sampling};
use super::tree::Tree;
use super::word::{self, UnknownWord, Word};
use super::written::Written;
use super::{gate, model, scenario::Scenario};
use crate::error::{Error, Result};
use crate::plan::Profile;

/// Flags; each empty or `None` when it was not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    /// Name of the matrix.
    pub name: Option<String>,
    /// `--browser`, each value a browser.
    pub browsers: Vec<String>,
    /// `--platform`, each value a platform.
    pub platforms: Vec<String>,
    /// `--model`, each value a word of a matrix file or a folder.
    pub models: Vec<String>,
    /// The optimizations switched on, by their words.
    pub optimizations: Vec<String>,
    /// Settings as `(optimization, key, value)`.
    pub settings: Vec<(String, String, String)>,
    /// `--combinations`.
    pub combinations: Option<String>,
    /// What is computed.
    pub scenario: Scenario,
    /// Blocks always taken.
    pub min_samples: Option<u32>,
    /// Blocks never exceeded.
    pub max_samples: Option<u32>,
    /// Seconds of sampling per cell.
    pub budget_s: Option<f64>,
    /// Blocks of fresh pages.
    pub pages: Option<u32>,
    /// Whether doubtful times count.
    pub strict: bool,
    /// Whether it is kept how memory went.
    pub memory_profile: bool,
    /// Whether every fresh page gets a browser that nobody has used.
    pub fresh_profile: bool,
    /// Whether operations are timed by themselves, too.
    pub trace: bool,
    /// `--gate`: the run to compare with.
    pub gate: Option<String>,
    /// `--expectations`: the file of known outcomes.
    pub expectations: Option<PathBuf>,
}

impl Flags {
    /// The layer these flags are.
    ///
    /// # Errors
    /// When a word does not exist.
    pub fn read(&self) -> Result<Written> {
        let optimizations = self.optimizations.iter().map(|text| chosen(text)).collect::<Result<Vec<_>>>()?;
        let models = self.models.iter().map(|text| {
            let is_path = text.contains(['/', '\\']) || Path::new(text).is_dir();
            if is_path {
                Ok(model::in_folder(Path::new(text), None))
            } else {
                model::by_word(text).map_err(Error::from)
            }
        });
        let combinations = self.combinations.as_deref().map(word::parse::<Rule>).transpose();
        Ok(Written {
            name: self.name.clone(),
            browsers: words(&self.browsers)?,
            platforms: words(&self.platforms)?,
            models: some(models.collect::<Result<_>>()?),
            optimizations: some(optimizations),
            settings: self.settings.iter().map(|(word, key, text)| setting(word, key, text)).collect::<Result<_>>()?,
            combinations: combinations.map_err(Error::from)?.map(Combinations::By),
            scenario: self.scenario.clone(),
            sampling: self.sampling()?,
            gate: self.gate.clone().map(|run| gate::Written { against: Some(run), ..gate::Written::default() }),
            expectations: self.expectations.clone(),
            ..Written::default()
        })
    }

    fn sampling(&self) -> Result<Sampling> {
        for (flag, blocks) in
            [("--min-samples", self.min_samples), ("--max-samples", self.max_samples), ("--pages", self.pages)]
        {
            if blocks.is_some_and(|blocks| blocks == 0 || blocks > MAX_BLOCKS) {
                return Err(Error::usage(format!("`{flag}` must be from 1 to {MAX_BLOCKS}")));
            }
        }
        if self.budget_s.is_some_and(|seconds| !seconds.is_finite() || seconds <= 0.0) {
            return Err(Error::usage("`--budget` must be a number of seconds above 0"));
        }
        Ok(Sampling {
            min: self.min_samples,
            max: self.max_samples,
            budget_s: self.budget_s,
            pages: self.pages,
            strict: self.strict.then_some(true),
            memory_profile: self.memory_profile.then_some(true),
            profile: self.fresh_profile.then_some(Profile::Fresh),
            trace: self.trace.then_some(true),
            ..Sampling::default()
        })
    }
}

fn some<T>(values: Vec<T>) -> Option<Vec<T>> {
    if values.is_empty() { None } else { Some(values) }
}

fn words<T: Word>(texts: &[String]) -> Result<Option<Vec<T>>> {
    let words = texts.iter().map(|text| word::parse::<T>(text).map_err(Error::from));
    Ok(some(words.collect::<Result<_>>()?))
}

fn chosen(text: &str) -> Result<Chosen> {
    let tree = Tree::Text(text.into());
    let optimization = optimization::read_word(&Node::root(&tree)).map_err(refuse)?;
    Ok(Chosen { optimization, settings: Vec::new(), goals: Vec::new() })
}

fn setting(word: &str, key: &str, text: &str) -> Result<(&'static str, &'static str, super::setting::Value)> {
    let optimization = optimization::find(word).map_err(Error::from)?;
    let keys = optimization.settings.iter().map(|setting| setting.key);
    let unknown = UnknownWord::new(&format!("`{word}` setting"), key, keys);
    let setting = optimization.setting(key).ok_or_else(|| Error::from(unknown))?;
    Ok((optimization.word, setting.key, setting.kind.read_text(key, text).map_err(refuse)?))
}

/// A value on the command line that is not allowed.
pub(super) fn refuse(fault: Fault) -> Error {
    let error = Error::usage(fault.message).maybe_hint(fault.hint);
    match fault.note {
        Some(note) => error.note(note),
        None => error,
    }
}
