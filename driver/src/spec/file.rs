//! Reading a matrix file, and showing where it is wrong.

use std::path::Path;

use super::node::{Fault, Node};
use super::place::{Place, locate};
use super::tree::{self, Tree};
use super::written::Written;
use crate::error::{Error, Excerpt, Result};

/// Largest matrix file. A matrix is written by hand; what is larger is another file.
pub const MAX_BYTES: u64 = 1 << 20;

/// A file that was read.
#[derive(Debug)]
pub struct Source {
    /// Its name, as the user wrote it.
    pub shown: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub written: Written,
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is not a matrix.
pub fn read(path: &Path) -> Result<Source> {
    let (shown, text, tree) = parse(path)?;
    if tree == Tree::Null {
        return Err(Error::usage(format!("{shown} is empty")).hint("matrices/smoke.yaml is the smallest useful matrix"));
    }
    match Written::read(&Node::root(&tree)) {
        Ok(written) => Ok(Source { shown, text, written }),
        Err(fault) => Err(refuse(&shown, &text, fault)),
    }
}

/// The name of a YAML file as the user wrote it, its text, and what it says.
///
/// # Errors
/// When it cannot be read, or is no YAML.
pub fn parse(path: &Path) -> Result<(String, String, Tree)> {
    let shown = path.display().to_string();
    let text = load(path, &shown)?;
    let tree = tree::parse(&text).map_err(|malformed| {
        let place = malformed.place.or_else(|| second_document(&text));
        let error = malformed.while_reading.into_iter().fold(Error::usage(malformed.message), Error::note);
        if let Some(place) = place {
            error.excerpt(excerpt(&shown, &text, place, ""))
        } else {
            error.note(shown.clone())
        }
    })?;
    Ok((shown, text, tree))
}

/// The error that a fault found in a file means.
#[must_use]
pub fn refuse(file: &str, text: &str, fault: Fault) -> Error {
    let label =
        if fault.path.at_key || fault.path.steps.is_empty() { String::new() } else { format!("in `{}`", fault.path) };
    let error = Error::usage(fault.message).maybe_hint(fault.hint);
    let error = match locate(text, &fault.path) {
        Some(place) => error.excerpt(excerpt(file, text, place, &label)),
        None => error.note(format!("in {file}")),
    };
    match fault.note {
        Some(note) => error.note(note),
        None => error,
    }
}

fn load(path: &Path, shown: &str) -> Result<String> {
    let missing = |cause: std::io::Error| {
        let hint = if cause.kind() == std::io::ErrorKind::NotFound { neighbour(path) } else { None };
        Error::usage(format!("cannot read {shown}")).because(cause).maybe_hint(hint)
    };
    let meta = std::fs::metadata(path).map_err(missing)?;
    if meta.is_dir() {
        return Err(Error::usage(format!("{shown} is a folder, not a file")));
    }
    if meta.len() > MAX_BYTES {
        return Err(
            Error::usage(format!("{shown} has {} bytes", meta.len())).note(format!("a matrix has at most {MAX_BYTES}"))
        );
    }
    let bytes = std::fs::read(path).map_err(missing)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::usage(format!("{shown} is not UTF-8 text (line {line})")).hint("save it in the encoding UTF-8")
    })
}

/// The file in the same folder that was probably meant.
fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_stem()?.to_string_lossy().into_owned();
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut others: Vec<(String, String)> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let other = entry.ok()?.path();
            let extension = other.extension()?;
            (extension == "yaml" || extension == "yml").then_some(())?;
            Some((other.file_stem()?.to_string_lossy().into_owned(), other.display().to_string()))
        })
        .collect();
    others.sort();
    let near = super::word::nearest(&wanted, others.iter().map(|(stem, _)| stem.as_str()))?;
    let (_, shown) = others.iter().find(|(stem, _)| stem == near)?;
    Some(format!("did you mean {shown}?"))
}

/// Where a second document begins, which the parser does not say.
fn second_document(text: &str) -> Option<Place> {
    let mut seen = false;
    for (i, line) in text.lines().enumerate() {
        let is_marker = line == "---" || line.starts_with("--- ");
        if is_marker && seen {
            return Some(Place { line: i + 1, column: 1 });
        }
        seen |= is_marker || !(line.trim().is_empty() || line.trim_start().starts_with('#'));
    }
    None
}

/// The line of `place`, with the word there marked.
fn excerpt(file: &str, text: &str, place: Place, label: &str) -> Excerpt {
    let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
    let start = line.char_indices().nth(place.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    Excerpt {
        file: file.into(),
        first_line: place.line,
        text: line.into(),
        span: start..start + word_length(&line[start..]),
        label: label.into(),
    }
}

/// How much of `rest` belongs to the value or key it begins with.
fn word_length(rest: &str) -> usize {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let end = match quote {
        Some(quote) => rest[1..].find(quote).map(|at| at + 2),
        None => rest.find([',', ']', '}']).into_iter().chain(rest.find(": ")).chain(rest.find(" #")).min(),
    };
    let word = &rest[..end.unwrap_or(rest.len())];
    word.trim_end().trim_end_matches(':').len().max(1).min(rest.len().max(1))
}
