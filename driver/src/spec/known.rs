//! The expectation file: outcomes that are known, under which conditions, and why.
//!
//! ```yaml
//! - browser: firefox
//!   optimization: int4
//!   when: {browser_version: "< 145", software_adapter: true}
//!   status: crash
//!   intermittent: [pass]
//!   why: a driver bug, reported upstream
//! ```

use std::fmt::Write as _;
use std::path::Path;

use super::file;
use super::glob;
use super::node::{Fault, Node};
use super::selector::{self, Selector};
use super::tree::Tree;
use super::word::{UnknownWord, Word, word};
use crate::error::Result;
use crate::plan::Cell;
use crate::run::environment::Environment;
use crate::run::event::Status;

word! { Status => "status", }

/// What a condition may ask about a fingerprint.
pub const CONDITIONS: [&str; 10] = [
    "product",
    "browser_version",
    "driver",
    "os",
    "cpu",
    "adapter",
    "vendor",
    "architecture",
    "software_adapter",
    "cross_origin_isolated",
];

/// An entry of an expectation file.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Which cells, by what they are.
    pub cells: Selector,
    /// Which cells, by their ids; empty for all that `cells` means.
    pub ids: Vec<String>,
    /// What must hold of the fingerprint: a name of [`CONDITIONS`] and what it must look like.
    pub when: Vec<(String, Pattern)>,
    /// How the cells end.
    pub status: Status,
    /// How else they are known to end now and then.
    pub intermittent: Vec<Status>,
    /// Why.
    pub why: String,
}

/// What a fact must look like: a glob, or a bound on the number it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether a fact is so.
    #[must_use]
    pub fn holds(&self, fact: &str) -> bool {
        match self.bound() {
            Some((operator, bound)) => leading_number(fact).is_some_and(|number| match operator {
                ">=" => number >= bound,
                "<=" => number <= bound,
                ">" => number > bound,
                _ => number < bound,
            }),
            None => glob::matches(&self.0, fact),
        }
    }

    fn bound(&self) -> Option<(&'static str, f64)> {
        let operator = [">=", "<=", ">", "<"].into_iter().find(|operator| self.0.starts_with(operator))?;
        Some((operator, self.0[operator.len()..].trim().parse().ok()?))
    }

    fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let text = match node.tree {
            Tree::Bool(flag) => flag.to_string(),
            Tree::Number(number) => number.to_string(),
            _ => node.text("a value, with `*` and `?` as wildcards, or a bound such as `>= 140`")?.trim().to_owned(),
        };
        let pattern = Self(text);
        if pattern.0.starts_with(['<', '>']) && pattern.bound().is_none() {
            return Err(node.fault(format!("`{}` is no bound", pattern.0)).note("allowed: `>= 140`, `< 145.5`, …"));
        }
        Ok(pattern)
    }
}

fn leading_number(text: &str) -> Option<f64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let rest = &text[digits..];
    let fraction = rest.strip_prefix('.').map_or(0, |f| f.find(|c: char| !c.is_ascii_digit()).unwrap_or(f.len()));
    let end = if fraction > 0 { digits + 1 + fraction } else { digits };
    text[..end].parse().ok()
}

impl Known {
    /// Reads an expectation file.
    ///
    /// # Errors
    /// When it cannot be read, or an entry is wrong.
    pub fn read_file(path: &Path) -> Result<Vec<Self>> {
        let (shown, text, tree) = file::parse(path)?;
        if tree == Tree::Null {
            return Ok(Vec::new());
        }
        let read = || {
            let entries = Node::root(&tree).any_list("a list of expectations")?;
            entries.iter().map(Self::read).collect::<Result<Vec<_>, Fault>>()
        };
        read().map_err(|fault| file::refuse(&shown, &text, fault))
    }

    fn read(node: &Node<'_>) -> Result<Self, Fault> {
        let own = ["cell", "when", "status", "intermittent", "why"];
        let keys: Vec<&str> = selector::KEYS.into_iter().chain(own).collect();
        let fields = node.fields("an expectation", &keys)?;
        let missing = |key: &str| node.fault(format!("an expectation needs `{key}`"));
        if selector::KEYS.iter().chain(&["cell", "when"]).all(|key| fields.get(key).is_none()) {
            let allowed = format!("allowed: {}, cell, when", selector::KEYS.join(", "));
            return Err(node.fault("an expectation without conditions would match every cell").note(allowed));
        }
        let texts = |node: &Node<'_>| -> Result<Vec<String>, Fault> {
            node.one_or_more("ids of cells")?.iter().map(|id| Ok(id.text("the id of a cell")?.to_owned())).collect()
        };
        let words = |node: &Node<'_>| -> Result<Vec<Status>, Fault> {
            node.one_or_more("statuses")?.iter().map(Node::word).collect()
        };
        let when = |node: &Node<'_>| -> Result<Vec<(String, Pattern)>, Fault> {
            let entries = node.entries("conditions (a map such as `os: \"Linux*\"`)")?;
            entries
                .into_iter()
                .map(|(key, name, value)| {
                    if !CONDITIONS.contains(&key) {
                        return Err(name.unknown(&UnknownWord::new("condition", key, CONDITIONS)));
                    }
                    Ok((key.to_owned(), Pattern::read(&value)?))
                })
                .collect()
        };
        Ok(Self {
            cells: Selector::from_fields(&fields)?,
            ids: fields.read("cell", texts)?.unwrap_or_default(),
            when: fields.read("when", when)?.unwrap_or_default(),
            status: fields.read("status", Node::word)?.ok_or_else(|| missing("status"))?,
            intermittent: fields.read("intermittent", words)?.unwrap_or_default(),
            why: fields.read("why", |node| Ok(node.text("a reason")?.to_owned()))?.ok_or_else(|| missing("why"))?,
        })
    }

    /// Whether this is about a cell that ran there. A condition does not hold of what is not known.
    #[must_use]
    pub fn is_about(&self, cell: &Cell, environment: Option<&Environment>) -> bool {
        let optimizations: Vec<&str> = cell.optimizations.iter().map(String::as_str).collect();
        (self.ids.is_empty() || self.ids.contains(&cell.id))
            && self.cells.matches(cell.browser, cell.platform, &cell.model, &optimizations)
            && self.when.iter().all(|(name, pattern)| environment.is_some_and(|it| pattern.holds(&fact(it, name))))
    }

    /// The entry for one cell that ended so.
    #[must_use]
    pub fn of_cell(cell: &Cell, environment: Option<&Environment>, status: Status, why: &str) -> Self {
        let named = |name: &str| environment.map(|it| (name.to_owned(), Pattern(plain(&fact(it, name)))));
        let word = |word: &String| super::optimization::find(word).ok().map(|row| row.word);
        Self {
            cells: Selector {
                browsers: vec![cell.browser],
                platforms: vec![cell.platform],
                models: vec![plain(&cell.model.name)],
                optimizations: cell.optimizations.iter().filter_map(word).collect(),
                ..Selector::default()
            },
            ids: vec![cell.id.clone()],
            when: ["product", "adapter"].into_iter().filter_map(named).filter(|(_, it)| !it.0.is_empty()).collect(),
            status,
            intermittent: Vec::new(),
            why: why.to_owned(),
        }
    }

    /// The entry as a file has it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut fields: Vec<(&str, String)> = Vec::new();
        let mut list = |key, words: Vec<String>| match words.as_slice() {
            [] => {}
            [word] => fields.push((key, word.clone())),
            words => fields.push((key, format!("[{}]", words.join(", ")))),
        };
        list("browser", self.cells.browsers.iter().map(|browser| browser.word().to_owned()).collect());
        list("platform", self.cells.platforms.iter().map(|platform| platform.word().to_owned()).collect());
        list("model", self.cells.models.iter().map(|model| quoted(model)).collect());
        list("optimization", self.cells.optimizations.iter().map(|&word| word.to_owned()).collect());
        list("cell", self.ids.iter().map(|id| quoted(id)).collect());
        if !self.when.is_empty() {
            let when: Vec<String> = self.when.iter().map(|(key, it)| format!("{key}: {}", quoted(&it.0))).collect();
            fields.push(("when", format!("{{{}}}", when.join(", "))));
        }
        fields.push(("status", self.status.name().to_owned()));
        if !self.intermittent.is_empty() {
            let words: Vec<&str> = self.intermittent.iter().map(|status| status.name()).collect();
            fields.push(("intermittent", format!("[{}]", words.join(", "))));
        }
        fields.push(("why", quoted(&self.why)));
        let mut text = String::new();
        for (i, (key, value)) in fields.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {key}: {value}", if i == 0 { "-" } else { " " });
        }
        text
    }
}

/// A fact of a fingerprint.
fn fact(environment: &Environment, name: &str) -> String {
    let device = &environment.device;
    match name {
        "product" => environment.product.clone(),
        "browser_version" => environment.browser_version.clone(),
        "driver" => environment.driver.clone(),
        "os" => environment.os.clone(),
        "cpu" => environment.cpu.clone(),
        "adapter" => device.description.clone(),
        "vendor" => device.vendor.clone(),
        "architecture" => device.architecture.clone(),
        "software_adapter" => device.software.to_string(),
        _ => environment.cross_origin_isolated.to_string(),
    }
}

/// Text that a pattern takes for itself: what would be a wildcard, a bound or trimmed becomes `?`, which it matches, too.
fn plain(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let is_special = |at: usize, c: char| {
        let at_an_end = (at == 0 || at == last) && c.is_whitespace();
        matches!(c, '*' | '?') || c.is_control() || at_an_end || (at == 0 && matches!(c, '<' | '>'))
    };
    text.chars().enumerate().map(|(at, c)| if is_special(at, c) { '?' } else { c }).collect()
}

/// Text as YAML reads it back, whatever is in it.
fn quoted(text: &str) -> String {
    crate::printable::printable_json(&serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Known>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("expectations.yaml");
        std::fs::write(&path, text).expect("writes");
        Known::read_file(&path)
    }

    const FULL: &str = r#"
- browser: [firefox, chrome]
  platform: webgpu
  model: "bert-*"
  optimization: int4
  when: {browser_version: "< 145", software_adapter: true, os: "Linux*"}
  status: crash
  intermittent: [pass, timeout]
  why: "a driver bug"
"#;

    #[test]
    fn what_is_written_is_read_back() {
        let entries = read(FULL).expect("entries");
        let text: String = entries.iter().map(Known::to_yaml).collect();
        let mut again = read(&text).expect("reads its own text");
        again[0].cells.models_at = entries[0].cells.models_at.clone();
        assert_eq!(again, entries, "{text}");
        assert!(read("").expect("an empty file").is_empty());
    }

    #[test]
    fn conditions_compare_numbers_and_globs() {
        let holds = |pattern: &str, fact: &str| Pattern(pattern.into()).holds(fact);
        assert!(holds("< 145", "144.0.2") && !holds("< 145", "145.0") && holds(">=145", "145.0"));
        assert!(holds("Linux*", "Linux 6.1") && !holds("Linux*", "Windows 11") && holds("true", "true"));
        assert!(!holds("< 145", "unknown"));
        for odd in ["</script>\u{1b}*", " a ", ">= 3", "?"] {
            assert!(
                holds(&plain(odd), odd) && plain(odd).trim() == plain(odd) && Pattern(plain(odd)).bound().is_none(),
                "{odd}"
            );
        }
    }

    #[test]
    fn mistakes_name_their_line() {
        let message = |text: &str| read(text).expect_err(text).render(false);
        let no_reason = message("- browser: firefox\n  status: crash\n");
        assert!(no_reason.contains("an expectation needs `why`"), "{no_reason}");
        let typo = message("- browser: firefox\n  status: crsh\n  why: x\n");
        assert!(typo.contains("did you mean `crash`?") && typo.contains(":2:"), "{typo}");
        let condition = message("- when: {adaptr: x}\n  status: crash\n  why: x\n");
        assert!(condition.contains("did you mean `adapter`?"), "{condition}");
        assert!(message("- status: fail\n  why: x\n").contains("would match every cell"));
        assert!(message("- {browser: chrome, when: {os: \">= x\"}, status: fail, why: x}").contains("is no bound"));
    }
}
