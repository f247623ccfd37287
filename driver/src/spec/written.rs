//! One layer of a specification: what one place (a file, the flags, an environment variable) says.

use std::path::PathBuf;

use matrix_engine::protocol::Platform;

use super::combination::Combinations;
use super::expected::Expected;
use super::include::Include;
use super::node::{Fault, Node};
use super::optimization::{self, Chosen};
use super::pace::{Sampling, Timeouts};
use super::scenario::Scenario;
use super::selector::Selector;
use super::{gate, model, setting::Value};
use crate::browser::BrowserId;
use crate::plan::Model;

/// The keys of a matrix file.
pub const KEYS: [&str; 13] = [
    "name",
    "browsers",
    "platforms",
    "models",
    "optimizations",
    "combinations",
    "scenario",
    "sampling",
    "include",
    "exclude",
    "expect",
    "gate",
    "timeouts",
];

/// What was written; `None` is what was not.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Name of the matrix.
    pub name: Option<String>,
    /// The browsers.
    pub browsers: Option<Vec<BrowserId>>,
    /// The platforms.
    pub platforms: Option<Vec<Platform>>,
    /// The models.
    pub models: Option<Vec<Model>>,
    /// The optimizations that are measured.
    pub optimizations: Option<Vec<Chosen>>,
    /// Settings for optimizations that may be named elsewhere: word, key, value.
    pub settings: Vec<(&'static str, &'static str, Value)>,
    /// Which are measured together.
    pub combinations: Option<Combinations>,
    /// What is computed.
    pub scenario: Scenario,
    /// How often.
    pub sampling: Sampling,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Cells added.
    pub include: Vec<Include>,
    /// Cells removed.
    pub exclude: Vec<Selector>,
    /// Outcomes known.
    pub expect: Vec<Expected>,
    /// What the run is held against.
    pub gate: Option<gate::Written>,
    /// File of known outcomes.
    pub expectations: Option<PathBuf>,
}

impl Written {
    /// Reads a matrix file.
    ///
    /// # Errors
    /// When a key or a value is wrong.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let fields = node.fields("a matrix", &KEYS)?;
        let name = |node: &Node<'_>| Ok(node.text("a name")?.to_owned());
        let gate = fields.read("gate", gate::Written::read)?;
        Ok(Self {
            name: fields.read("name", name)?,
            browsers: fields.read("browsers", |node| read_list(node, "a list of browsers", Node::word))?,
            platforms: fields.read("platforms", |node| read_list(node, "a list of platforms", Node::word))?,
            models: fields.read("models", |node| read_list(node, "a list of models", model::read))?,
            optimizations: fields.read("optimizations", optimization::read_map)?,
            settings: Vec::new(),
            combinations: fields.read("combinations", Combinations::read)?,
            scenario: fields.read("scenario", Scenario::read)?.unwrap_or_default(),
            sampling: fields.read("sampling", Sampling::read)?.unwrap_or_default(),
            timeouts: fields.read("timeouts", Timeouts::read)?.unwrap_or_default(),
            include: fields.read("include", |node| read_any(node, Include::read))?.unwrap_or_default(),
            exclude: fields.read("exclude", |node| read_any(node, Selector::read))?.unwrap_or_default(),
            expect: fields.read("expect", |node| read_any(node, Expected::read))?.unwrap_or_default(),
            expectations: gate.as_ref().and_then(|gate| gate.expectations.clone()),
            gate,
        })
    }
}

fn read_list<'a, T>(
    node: &Node<'a>,
    what: &str,
    read: impl Fn(&Node<'a>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    node.list(what)?.iter().map(read).collect()
}

fn read_any<'a, T>(node: &Node<'a>, read: impl Fn(&Node<'a>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    node.any_list("a list of selections such as `{browser: safari}`")?.iter().map(read).collect()
}
