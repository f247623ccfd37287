//! Environment variables that set what a matrix file can set.

use super::node::Fault;
use super::optimization::{Chosen, OPTIMIZATIONS};
use super::pace::Sampling;
use super::word::UnknownWord;
use super::written::Written;
use crate::error::{Error, Result};

/// Times operations by themselves.
const TRACE: &str = "WEBGPU_TRACE";
/// Words that switch a variable on.
const ON: [&str; 4] = ["1", "true", "yes", "on"];
/// Words that leave it off.
const OFF: [&str; 5] = ["0", "false", "no", "off", ""];

/// Reads every variable known from `lookup`: one layer each, with its name.
///
/// # Errors
/// When the value of one is not allowed.
pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Vec<(&'static str, Written)>> {
    let mut layers = Vec::new();
    if let Some(text) = lookup(TRACE)
        && is_on(TRACE, &text)?
    {
        let sampling = Sampling { trace: Some(true), ..Sampling::default() };
        layers.push((TRACE, Written { sampling, ..Written::default() }));
    }
    for optimization in OPTIMIZATIONS {
        if let Some((variable, text)) = optimization.variable.and_then(|name| Some((name, lookup(name)?)))
            && is_on(variable, &text)?
        {
            let chosen = Chosen { optimization, settings: Vec::new(), goals: Vec::new() };
            layers.push((variable, Written { optimizations: Some(vec![chosen]), ..Written::default() }));
        }
        for setting in optimization.settings {
            let Some((variable, text)) = setting.variable.and_then(|name| Some((name, lookup(name)?))) else {
                continue;
            };
            let value = setting.kind.read_text(setting.key, &text).map_err(|fault| refuse(variable, fault))?;
            let settings = vec![(optimization.word, setting.key, value)];
            layers.push((variable, Written { settings, ..Written::default() }));
        }
    }
    Ok(layers)
}

fn is_on(variable: &str, text: &str) -> Result<bool> {
    let word = text.trim().to_ascii_lowercase();
    if ON.contains(&word.as_str()) {
        return Ok(true);
    }
    if OFF.contains(&word.as_str()) {
        return Ok(false);
    }
    let unknown = UnknownWord::new("value", text, ["1", "0"]);
    Err(Error::usage(format!("the environment variable {variable} cannot be `{text}`")).note(unknown.allowed()))
}

fn refuse(variable: &str, fault: Fault) -> Error {
    let error = Error::usage(format!("the environment variable {variable}: {}", fault.message)).maybe_hint(fault.hint);
    match fault.note {
        Some(note) => error.note(note),
        None => error,
    }
}
