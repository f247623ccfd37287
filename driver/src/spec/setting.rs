//! A setting of an optimization: its key, what values it takes, and how they are read.

use matrix_engine::protocol::Options;
use serde::Serialize;

use super::node::{Fault, Node};
use super::quantity::Percent;
use super::tree::Tree;
use super::word::UnknownWord;

/// One option of an optimization.
#[derive(Debug)]
pub struct Setting {
    /// Its key in matrix files.
    pub key: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// The environment variable that sets it.
    pub variable: Option<&'static str>,
    /// What it is when nothing is written.
    pub default: fn() -> Value,
    /// Sets it on an optimization that is switched on.
    pub apply: fn(&mut Options, &Value),
}

/// Which values a [`Setting`] takes.
#[derive(Debug)]
pub enum Kind {
    /// One of these words.
    Word(&'static [&'static str]),
    /// A power of two between two bounds, both included.
    PowerOfTwo(u32, u32),
    /// This word, or one of these numbers.
    Either(&'static str, &'static [u32]),
    /// This word, or a number between two bounds, both included.
    CountOr(&'static str, u32, u32),
    /// A number between two bounds, both included.
    Count(u32, u32),
    /// One of these words. As text `0` is the first of them and `1` the second.
    Switch(&'static [&'static str]),
    /// A part of something, 1% to 100%.
    Share,
    /// Globs over names.
    Names,
    /// Sentences or files. As text one in every line.
    Texts,
}

/// A value of a [`Setting`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Value {
    /// A word.
    Word(&'static str),
    /// A number.
    Count(u32),
    /// A part, in percent.
    Share(u32),
    /// Names.
    Names(Vec<String>),
}

impl Kind {
    /// Reads a value.
    ///
    /// # Errors
    /// When it is of another kind, or not allowed.
    pub fn read(&self, key: &str, node: &Node<'_>) -> Result<Value, Fault> {
        match self {
            Self::Word(words) => {
                let text = node.text(format_args!("a word for `{key}`"))?;
                let known = words.iter().find(|word| **word == text);
                known.map(|word| Value::Word(word)).ok_or_else(|| {
                    let unknown = node.unknown(&UnknownWord::new("value", text, words.iter().copied()));
                    Fault { message: format!("`{key}` cannot be `{text}`"), ..unknown }
                })
            }
            Self::PowerOfTwo(least, most) => {
                let allowed: Vec<String> = (0..31)
                    .map(|n| 1_u32 << n)
                    .filter(|n| (least..=most).contains(&n))
                    .map(|n| n.to_string())
                    .collect();
                let allowed = format!("allowed: {}", allowed.join(", "));
                let count = node.count(&format!("`{key}`"), *least, *most).map_err(|fault| fault.note(&allowed))?;
                if count.is_power_of_two() {
                    Ok(Value::Count(count))
                } else {
                    Err(node.fault(format!("`{key}` must be a power of two, found {count}")).note(allowed))
                }
            }
            Self::Either(word, numbers) => {
                let allowed = numbers.iter().map(|number| format!(", {number}")).collect::<String>();
                let allowed = format!("allowed: {word}{allowed}");
                match node.tree {
                    Tree::Text(text) if text == word => Ok(Value::Word(word)),
                    Tree::Number(number) => {
                        let known = numbers.iter().find(|known| f64::from(**known) == *number);
                        known
                            .map(|known| Value::Count(*known))
                            .ok_or_else(|| node.fault(format!("`{key}` cannot be {number}")).note(allowed))
                    }
                    _ => Err(node.expected(format!("`{word}` or a number for `{key}`")).note(allowed)),
                }
            }
            Self::CountOr(word, least, most) => match node.tree {
                Tree::Text(text) if text == word => Ok(Value::Word(word)),
                Tree::Number(_) => node.count(&format!("`{key}`"), *least, *most).map(Value::Count),
                _ => Err(node.expected(format!("`{word}` or a number for `{key}`"))),
            },
            Self::Count(least, most) => node.count(&format!("`{key}`"), *least, *most).map(Value::Count),
            Self::Switch(words) => Kind::Word(words).read(key, node),
            Self::Share => {
                let share = match node.tree {
                    Tree::Number(share) => *share,
                    _ => node.parse::<Percent>(format_args!("a share such as `50%` for `{key}`"))?.0,
                };
                let percent = (1..=100).find(|&percent| (f64::from(percent) - 100.0 * share).abs() < 0.5);
                percent.map(Value::Share).ok_or_else(|| {
                    let fault = node.fault(format!("`{key}` must keep something, and at most all"));
                    fault.note("allowed: 1% to 100%").hint(format!("found {}", Percent(share)))
                })
            }
            Self::Names | Self::Texts => {
                let (all, each) = match self {
                    Self::Names => ("names", "a name, with `*` and `?` as wildcards"),
                    _ => ("sentences or files", "a sentence or a file"),
                };
                let names = node.any_list(&format!("a list of {all} for `{key}`"))?;
                let names: Result<Vec<String>, Fault> =
                    names.iter().map(|name| Ok(name.text(each)?.to_owned())).collect();
                Ok(Value::Names(names?))
            }
        }
    }

    /// Reads a value from a flag or an environment variable; lists are separated by commas.
    ///
    /// # Errors
    /// When it is not allowed.
    pub fn read_text(&self, key: &str, text: &str) -> Result<Value, Fault> {
        let tree = match self {
            Self::Word(_) | Self::Share => Tree::Text(text.into()),
            Self::PowerOfTwo(..) | Self::Either(..) | Self::CountOr(..) | Self::Count(..) => {
                text.trim().parse().map_or_else(|_| Tree::Text(text.into()), Tree::Number)
            }
            Self::Switch(words) => Tree::Text(match text.trim() {
                "0" | "false" | "no" | "off" => words[0].into(),
                "1" | "true" | "yes" | "on" => words[1].into(),
                word => word.into(),
            }),
            Self::Names | Self::Texts => Tree::List(
                text.split(if matches!(self, Self::Names) { ',' } else { '\n' })
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .map(|name| Tree::Text(name.into()))
                    .collect(),
            ),
        };
        self.read(key, &Node::root(&tree))
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(percent) => write!(f, "{percent}%"),
            Self::Names(names) => write!(f, "[{}]", names.join(", ")),
        }
    }
}
