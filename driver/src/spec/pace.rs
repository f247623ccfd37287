//! How often a cell is measured and how long it may take, as far as it was written.

use super::node::{Fault, Node};
use super::quantity::Percent;
use super::word::{Word, word};
use crate::plan::Profile;

word! { Profile => "profile", }

/// The `sampling:` of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// Blocks always taken.
    pub min: Option<u32>,
    /// Blocks never exceeded.
    pub max: Option<u32>,
    /// Half width to stop at, as a fraction.
    pub target_half_width: Option<f64>,
    /// Seconds of sampling.
    pub budget_s: Option<f64>,
    /// Blocks of fresh pages.
    pub pages: Option<u32>,
    /// Whether doubtful times count.
    pub strict: Option<bool>,
    /// Whether it is kept how memory went.
    pub memory_profile: Option<bool>,
    /// Whose browser a fresh page is opened in.
    pub profile: Option<Profile>,
    /// Whether operations are timed by themselves, too.
    pub trace: Option<bool>,
}

/// The `timeouts:` of a matrix, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeouts {
    /// Loading a model.
    pub load_s: Option<f64>,
    /// The whole cell.
    pub cell_s: Option<f64>,
    /// Silence of the page.
    pub heartbeat_s: Option<f64>,
}

/// Most blocks of a cell.
pub const MAX_BLOCKS: u32 = 10_000;

/// Longest time that can be allowed: a day.
const MAX_SECONDS: f64 = 86_400.0;

impl Sampling {
    /// Reads `{min, max, target_half_width, budget_s, pages, strict, memory_profile, profile, trace}`.
    ///
    /// # Errors
    /// When a key or a value is wrong.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let keys =
            ["min", "max", "target_half_width", "budget_s", "pages", "strict", "memory_profile", "profile", "trace"];
        let fields = node.fields("sampling", &keys)?;
        let target = |node: &Node<'_>| match node.parse::<Percent>("a share such as `5%`")? {
            Percent(share) if share > 0.0 && share <= 1.0 => Ok(share),
            share => Err(node
                .fault(format!("`target_half_width` cannot be {share}"))
                .note("allowed: above 0% and up to 100%")),
        };
        let sampling = Self {
            min: fields.read("min", |node| node.count("`min`", 1, MAX_BLOCKS))?,
            max: fields.read("max", |node| node.count("`max`", 1, MAX_BLOCKS))?,
            target_half_width: fields.read("target_half_width", target)?,
            budget_s: fields.read("budget_s", |node| node.number("`budget_s`", 0.1, MAX_SECONDS))?,
            pages: fields.read("pages", |node| node.count("`pages`", 1, MAX_BLOCKS))?,
            strict: fields.read("strict", |node| node.flag("`strict`"))?,
            memory_profile: fields.read("memory_profile", |node| node.flag("`memory_profile`"))?,
            profile: fields.read("profile", Node::word)?,
            trace: fields.read("trace", |node| node.flag("`trace`"))?,
        };
        if let (Some(min), Some(max), Some(at)) = (sampling.min, sampling.max, fields.get("max"))
            && max < min
        {
            return Err(at.fault(format!("`max` ({max}) is less than `min` ({min})")));
        }
        Ok(sampling)
    }
}

impl Timeouts {
    /// Reads `{load_s, cell_s, heartbeat_s}`.
    ///
    /// # Errors
    /// When a key or a value is wrong.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let keys = ["load_s", "cell_s", "heartbeat_s"];
        let fields = node.fields("timeouts", &keys)?;
        let seconds = |key: &str| fields.read(key, |node| node.number(&format!("`{key}`"), 1.0, MAX_SECONDS));
        Ok(Self { load_s: seconds(keys[0])?, cell_s: seconds(keys[1])?, heartbeat_s: seconds(keys[2])? })
    }
}
