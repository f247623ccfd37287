//! Weights that have a name.

use matrix_engine::catalog::Family;

/// A published set of weights that a matrix may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The word in matrix files.
    pub name: &'static str,
    /// Its architecture.
    pub family: Family,
    /// The name people know it by.
    pub title: &'static str,
}

/// Every named set.
pub const NAMED: &[Named] = &[Named { name: "minilm", family: Family::Bert, title: "all-MiniLM-L6-v2" }];

/// The set called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}
