//! Where a value comes from.

use std::fmt;
use std::path::PathBuf;

/// A place a value can come from, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The matrix file.
    File(PathBuf),
    /// An environment variable.
    Variable(&'static str),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value with its key and origin, as `--dry-run` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// The key in a matrix file: `sampling.min`.
    pub key: String,
    /// The value, as text.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}
