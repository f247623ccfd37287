//! What a run is held against when it is over: `gate: {against: last-green, thresholds: {infer_time: 5%}}`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::node::{Fault, Node};
use super::quantity::Percent;
use super::word::{UnknownWord, Word, word};
use crate::measure::Metric;

/// The run that is meant where none is named.
pub const LAST_GREEN: &str = "last-green";

/// What makes a run fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailOn {
    /// A metric got worse by more than is allowed.
    #[default]
    Regression,
    /// The same, or nothing could be decided.
    Inconclusive,
}

impl FailOn {
    const ALL: [Self; 2] = [Self::Regression, Self::Inconclusive];

    /// The word in matrix files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Inconclusive => "inconclusive",
        }
    }
}

word! { FailOn => "reason to fail", }

/// The `gate:` of a matrix, as far as it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The run to compare with, as `matrix gate --against` takes it.
    pub against: Option<String>,
    /// Loss in percent allowed for every time and process memory.
    pub threshold: Option<f64>,
    /// Loss in percent allowed for single metrics.
    pub thresholds: Option<BTreeMap<String, f64>>,
    /// Only these metrics.
    pub metrics: Option<Vec<String>>,
    /// What may differ between the runs.
    pub across: Option<Vec<String>>,
    /// What makes the run fail.
    pub fail_on: Option<FailOn>,
    /// File of known outcomes.
    pub expectations: Option<PathBuf>,
}

/// What a run is held against, complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// The run to compare with.
    pub against: String,
    /// Loss in percent allowed for every time and process memory; the metric's own without.
    pub threshold: Option<f64>,
    /// Loss in percent allowed for single metrics.
    pub thresholds: BTreeMap<String, f64>,
    /// Only these metrics; all without.
    pub metrics: Vec<String>,
    /// What may differ between the runs.
    pub across: Vec<String>,
    /// What makes the run fail.
    pub fail_on: FailOn,
}

impl Written {
    /// The keys of a `gate:`.
    pub const KEYS: [&str; 7] = ["against", "threshold", "thresholds", "metrics", "across", "fail_on", "expectations"];

    /// Reads `{against, threshold, thresholds, metrics, across, fail_on, expectations}`.
    ///
    /// # Errors
    /// When a key or a value is wrong.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let fields = node.fields("the gate", &Self::KEYS)?;
        let thresholds = fields.read("thresholds", |node| {
            let entries = node.entries("losses that are allowed (a map such as `infer_time: 5%`)")?;
            let entries = entries.into_iter().map(|(metric, name, value)| {
                compared(metric).map_err(|unknown| name.unknown(&unknown))?;
                Ok((metric.to_owned(), loss(&value)?))
            });
            entries.collect::<Result<_, Fault>>()
        })?;
        let metric = |node: &Node<'_>| {
            let metric = node.text("a metric")?;
            compared(metric).map_err(|unknown| node.unknown(&unknown))?;
            Ok(metric.to_owned())
        };
        let fact = |node: &Node<'_>| Ok(node.text("a fact of the fingerprint")?.to_owned());
        let each = |key: &str, read: &dyn Fn(&Node<'_>) -> Result<String, Fault>| {
            let nodes = fields.read(key, |node| node.one_or_more(&format!("`{key}` (a value or a list of values)")))?;
            nodes.map(|nodes| nodes.iter().map(read).collect::<Result<Vec<_>, Fault>>()).transpose()
        };
        Ok(Self {
            against: fields.read("against", |node| Ok(node.text("a run, `last-green` or FILE.db")?.to_owned()))?,
            threshold: fields.read("threshold", loss)?,
            thresholds,
            metrics: each("metrics", &metric)?,
            across: each("across", &fact)?,
            fail_on: fields.read("fail_on", Node::word)?,
            expectations: fields
                .read("expectations", |node| node.text("a file of known outcomes").map(PathBuf::from))?,
        })
    }
}

fn loss(node: &Node<'_>) -> Result<f64, Fault> {
    match node.parse::<Percent>("a loss that is allowed, such as `5%`")? {
        Percent(share) if share >= 0.0 => Ok(100.0 * share),
        share => Err(node.fault(format!("a loss that is allowed cannot be {share}")).hint("write `5%` for 5 percent")),
    }
}

/// Whether there is such a metric, and it can be compared.
///
/// # Errors
/// When not.
pub fn compared(metric: &str) -> Result<(), UnknownWord> {
    let known = || Metric::compared().map(|metric| metric.name);
    if known().any(|name| name == metric) { Ok(()) } else { Err(UnknownWord::new("metric", metric, known())) }
}
