//! Words: values that are one of a short list.

use std::fmt;

use matrix_engine::catalog::{Family, Size};
use matrix_engine::protocol::Platform;

use crate::browser::BrowserId;
use crate::error::Error;

/// A type whose values are words in matrix files and flags.
pub trait Word: Copy + 'static {
    /// What such a value is called in messages: `browser`, `platform`.
    const KIND: &'static str;

    /// Every value, in the order messages list them.
    fn all() -> &'static [Self];

    /// The word.
    fn word(self) -> &'static str;
}

/// Declares which list and which method make a type a [`Word`].
macro_rules! word {
    ($($type:ty => $kind:literal,)+) => {$(
        impl Word for $type {
            const KIND: &'static str = $kind;
            fn all() -> &'static [Self] {
                &Self::ALL
            }
            fn word(self) -> &'static str {
                self.name()
            }
        }
    )+};
}
pub(crate) use word;

word! {
    BrowserId => "browser",
    Platform => "platform",
    Family => "model family",
    Size => "size",
}

/// A word that is not in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// What kind of word was expected.
    pub kind: String,
    /// What was written.
    pub found: String,
    /// The words that exist.
    pub allowed: Vec<String>,
}

impl UnknownWord {
    /// `found` is none of `allowed`.
    pub fn new<'a>(kind: &str, found: &str, allowed: impl IntoIterator<Item = &'a str>) -> Self {
        Self { kind: kind.into(), found: found.into(), allowed: allowed.into_iter().map(String::from).collect() }
    }

    /// The allowed words, for a note.
    #[must_use]
    pub fn allowed(&self) -> String {
        format!("allowed: {}", self.allowed.join(", "))
    }

    /// The nearest allowed word, if one is near.
    #[must_use]
    pub fn suggestion(&self) -> Option<String> {
        nearest(&self.found, self.allowed.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} `{}`; {}", self.kind, self.found, self.allowed())
    }
}

impl std::error::Error for UnknownWord {}

/// Reads a word.
///
/// # Errors
/// When no value of `T` is called that.
pub fn parse<T: Word>(text: &str) -> Result<T, UnknownWord> {
    let found = T::all().iter().copied().find(|value| value.word() == text);
    found.ok_or_else(|| UnknownWord::new(T::KIND, text, T::all().iter().map(|value| value.word())))
}

/// The candidate most like `text`, unless none is like it. Upper case does not count.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&text, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A word on the command line that does not exist.
impl From<UnknownWord> for Error {
    fn from(unknown: UnknownWord) -> Self {
        Self::usage(format!("unknown {} `{}`", unknown.kind, unknown.found))
            .note(unknown.allowed())
            .maybe_hint(unknown.suggestion())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for &browser in BrowserId::all() {
            assert_eq!(parse::<BrowserId>(browser.word()), Ok(browser));
        }
        for &platform in Platform::all() {
            assert_eq!(parse::<Platform>(platform.word()), Ok(platform));
        }
    }

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        let near = parse::<BrowserId>("Firefx").expect_err("a typo");
        assert_eq!(near.suggestion().as_deref(), Some("did you mean `firefox`?"));
        let far = parse::<BrowserId>("zzz").expect_err("no browser");
        assert_eq!(far.suggestion(), None);
        assert_eq!(far.to_string(), "unknown browser `zzz`; allowed: chrome, edge, firefox, safari, native");
    }
}
