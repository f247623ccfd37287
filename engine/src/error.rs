//! One error for the whole engine. Whatever a file or a device says is untrusted, so every message
//! names what went wrong, where, what was expected, what was found and, where one exists, a way out.

use std::fmt;

use crate::protocol::FailureKind;

/// Shorthand used throughout the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, built up as `Error::model("wrong shape").of("tensor x").expected(..).found(..)`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(Box<Detail>);

#[derive(Debug)]
struct Detail {
    kind: FailureKind,
    what: String,
    subject: Option<String>,
    expected: Option<String>,
    found: Option<String>,
    hint: Option<String>,
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        f.write_str(&self.what)?;
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => write!(f, ": expected {expected}, found {found}")?,
            (Some(expected), None) => write!(f, ": expected {expected}")?,
            (None, Some(found)) => write!(f, ": found {found}")?,
            (None, None) => {}
        }
        if let Some(hint) = &self.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

impl Error {
    fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        let what = what.into();
        Self(Box::new(Detail { kind, what, subject: None, expected: None, found: None, hint: None }))
    }

    /// The model's files, or the inputs given to it, are not what they should be.
    pub fn model(what: impl Into<String>) -> Self {
        Self::new(FailureKind::Model, what)
    }

    /// The device or browser lacks what is asked for.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(FailureKind::Unsupported, what)
    }

    /// Memory ran out.
    pub fn out_of_memory(what: impl Into<String>) -> Self {
        Self::new(FailureKind::OutOfMemory, what)
    }

    /// The device was lost or reported an error.
    pub fn device(what: impl Into<String>) -> Self {
        Self::new(FailureKind::Device, what)
    }

    /// A defect of the engine.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal, what)
    }

    /// What another instance of the engine said.
    pub fn told(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::new(kind, message)
    }

    /// Names the file, tensor or key the error is about; an outer name goes in front.
    #[must_use]
    pub fn of(mut self, subject: impl Into<String>) -> Self {
        let outer = subject.into();
        self.0.subject = Some(match self.0.subject.take() {
            Some(inner) => format!("{outer}: {inner}"),
            None => outer,
        });
        self
    }

    /// What was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// What was there instead.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.0.found = Some(found.into());
        self
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The kind the driver decides by.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_from_the_outside_in() {
        let error =
            Error::model("wrong shape").of("tensor 'a'").expected("[2, 3]").found("[3, 2]").hint("transpose it");
        assert_eq!(
            error.of("model.safetensors").to_string(),
            "model.safetensors: tensor 'a': wrong shape: expected [2, 3], found [3, 2] (hint: transpose it)"
        );
    }
}
