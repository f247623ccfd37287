//! Known outcomes: `{browser: safari, optimization: int4, status: limited, why: "…"}`.

use super::node::{Fault, Node};
use super::selector::{self, Selector};
use super::word::{Word, word};
use crate::run::event::Status;

/// What a cell, or the table entry it belongs to, is expected to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome(&'static str);

impl Outcome {
    const ALL: [Self; 11] = [
        Self("full"),
        Self("limited"),
        Self("none"),
        Self(Status::Pass.name()),
        Self(Status::Flaky.name()),
        Self(Status::Fail.name()),
        Self(Status::Timeout.name()),
        Self(Status::Crash.name()),
        Self(Status::Unsupported.name()),
        Self(Status::Unavailable.name()),
        Self(Status::Skipped.name()),
    ];

    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

word! { Outcome => "status", }

/// An entry of `expect:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Which cells.
    pub cells: Selector,
    /// What becomes of them.
    pub status: Outcome,
    /// Why.
    pub why: String,
}

impl Expected {
    /// Reads an entry.
    ///
    /// # Errors
    /// When a key is missing or a value does not exist.
    pub fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let keys: Vec<&str> = selector::KEYS.into_iter().chain(["status", "why"]).collect();
        let fields = node.fields("an expectation", &keys)?;
        let missing = |key: &str| node.fault(format!("an expectation needs `{key}`"));
        Ok(Self {
            cells: Selector::from_fields(&fields)?,
            status: fields.read("status", Node::word)?.ok_or_else(|| missing("status"))?,
            why: fields.read("why", |node| Ok(node.text("a reason")?.to_owned()))?.ok_or_else(|| missing("why"))?,
        })
    }
}
