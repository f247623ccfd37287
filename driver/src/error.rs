//! What a user is told when something cannot be done, and the exit code that goes with it.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A result whose error can be shown to a user as it is.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How the process ends. The numbers are an interface: scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything asked for was done, and nothing failed.
    Ok = 0,
    /// The work was done, and cells failed or numbers regressed.
    Failed = 1,
    /// A flag, a value or a file is wrong; nothing was done.
    Usage = 2,
    /// This machine lacks something (a browser, a driver, a writable folder), or the program itself has a defect.
    Environment = 3,
    /// The file is right but leaves nothing to do.
    NothingToRun = 4,
    /// Numbers exist but decide nothing.
    Inconclusive = 5,
    /// Numbers exist, measured under other conditions: they cannot be compared.
    Incomparable = 6,
    /// Stopped by the user; the run can be resumed.
    Interrupted = 130,
}

impl ExitCode {
    /// The number the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

/// Something a user must know: what, where, what would have been allowed, and what to try.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.0.message)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    exit: ExitCode,
    message: String,
    excerpt: Option<Excerpt>,
    notes: Vec<String>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Lines of a file with one place in them marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The file, as the user named it.
    pub file: String,
    /// Number of the first line of `text`, from 1.
    pub first_line: usize,
    /// The lines.
    pub text: String,
    /// Bytes of `text` that are wrong.
    pub span: Range<usize>,
    /// What stands beside the mark; may be empty.
    pub label: String,
}

impl Error {
    /// An error that ends the process with `exit`.
    #[must_use]
    pub fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { exit, message, excerpt: None, notes: Vec::new(), hint: None, source: None }))
    }

    /// A flag, a value or a file is wrong.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// This machine lacks something.
    #[must_use]
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Environment, message)
    }

    /// Nothing is left to do.
    #[must_use]
    pub fn nothing_to_run(message: impl Into<String>) -> Self {
        Self::new(ExitCode::NothingToRun, message)
    }

    /// The numbers decide nothing.
    #[must_use]
    pub fn inconclusive(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Inconclusive, message)
    }

    /// A defect of this program.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Environment, message)
            .hint("this is a defect of matrix; please report it with the text above")
    }

    /// Adds what to try next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the hint, if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        if hint.is_some() {
            self.0.hint = hint;
        }
        self
    }

    /// Adds a fact: the values allowed, a path, a limit.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.0.notes.push(note.into());
        self
    }

    /// Shows where in a file.
    #[must_use]
    pub fn excerpt(mut self, excerpt: Excerpt) -> Self {
        self.0.excerpt = Some(excerpt);
        self
    }

    /// Adds the error underneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// How the process should end.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.0.exit
    }

    /// Message and hint on one line, for places that have no more room.
    #[must_use]
    pub fn one_line(&self) -> String {
        match &self.0.hint {
            Some(hint) => format!("{}; {hint}", self.0.message),
            None => self.0.message.clone(),
        }
    }

    /// The whole text for a person, with colour where a terminal shows it.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let inner = &*self.0;
        let mut facts: Vec<(Level<'_>, &str)> = Vec::new();
        let causes = self.causes();
        facts.extend(inner.notes.iter().map(|note| (Level::NOTE, note.as_str())));
        facts.extend(causes.iter().map(|cause| (Level::NOTE.with_name("cause"), cause.as_str())));
        facts.extend(inner.hint.iter().map(|hint| (Level::HELP.with_name("hint"), hint.as_str())));
        let title = Level::ERROR.primary_title(inner.message.as_str());
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
        let Some(excerpt) = &inner.excerpt else {
            // One by one: together they would be joined by the line that leads through a source.
            let titles = facts.into_iter().map(|(level, fact)| level.secondary_title(fact));
            let lines = std::iter::once(title).chain(titles).map(|title| renderer.render(&[Group::with_title(title)]));
            return lines.collect::<Vec<_>>().join("\n");
        };
        let mark = AnnotationKind::Primary.span(excerpt.span.clone());
        let mark = if excerpt.label.is_empty() { mark } else { mark.label(excerpt.label.as_str()) };
        let source = Snippet::source(excerpt.text.as_str())
            .line_start(excerpt.first_line)
            .path(excerpt.file.as_str())
            .annotation(mark);
        let start = title.element(source);
        renderer.render(&[facts.into_iter().fold(start, |group, (level, fact)| group.element(level.message(fact)))])
    }

    /// The messages of the errors underneath, outermost first.
    fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = self.0.source.as_deref().map(|source| source as &dyn std::error::Error);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_cause_notes_and_hint() {
        let error = Error::environment("cannot open the store")
            .because(std::io::Error::other("disk full"))
            .note("results/matrix.db")
            .hint("free some space");
        assert_eq!(
            error.render(false),
            "error: cannot open the store\nnote: results/matrix.db\ncause: disk full\nhint: free some space"
        );
        assert_eq!(error.exit_code().code(), 3);
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let error = Error::usage("no");
        assert!(!error.render(false).contains('\u{1b}'));
        assert!(error.render(true).contains('\u{1b}'));
    }
}
