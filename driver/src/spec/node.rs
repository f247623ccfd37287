//! A value of a file together with where it stands: every refusal says where.

use std::fmt::Display;
use std::str::FromStr;

use super::place::{Path, Step};
use super::tree::Tree;
use super::word::{self, UnknownWord, Word};

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub path: Path,
    /// What is wrong.
    pub message: String,
    /// What would have been right.
    pub note: Option<String>,
    /// What to try.
    pub hint: Option<String>,
}

impl Fault {
    /// Adds what would have been right.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A value and its path.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The value.
    pub tree: &'a Tree,
    /// Where it stands.
    pub path: Path,
}

/// A map whose keys were all found to be known.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    node: Node<'a>,
    entries: &'a [(String, Tree)],
}

impl<'a> Node<'a> {
    /// The whole file.
    #[must_use]
    pub fn root(tree: &'a Tree) -> Self {
        Self { tree, path: Path::default() }
    }

    /// A refusal of this value.
    #[must_use]
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { path: self.path.clone(), message: message.into(), note: None, hint: None }
    }

    /// The refusal of a value of the wrong kind.
    #[must_use]
    pub fn expected(&self, what: impl Display) -> Fault {
        self.fault(format!("expected {what}, found {}", self.tree.describe()))
    }

    /// The refusal of a word that does not exist.
    #[must_use]
    pub fn unknown(&self, word: &UnknownWord) -> Fault {
        let fault = self.fault(format!("unknown {} `{}`", word.kind, word.found)).note(word.allowed());
        Fault { hint: word.suggestion(), ..fault }
    }

    /// The text.
    ///
    /// # Errors
    /// When it is none, or an empty one.
    pub fn text(&self, what: impl Display) -> Result<&'a str, Fault> {
        match self.tree {
            Tree::Text(text) if text.trim().is_empty() => {
                Err(self.fault(format!("expected {what}, found an empty text")))
            }
            Tree::Text(text) => Ok(text),
            _ => Err(self.expected(what)),
        }
    }

    /// A word of `T`.
    ///
    /// # Errors
    /// When it is none.
    pub fn word<T: Word>(&self) -> Result<T, Fault> {
        let text = self.text(format_args!("a {}", T::KIND)).map_err(|fault| {
            let allowed: Vec<&str> = T::all().iter().map(|value| value.word()).collect();
            fault.note(format!("allowed: {}", allowed.join(", ")))
        })?;
        word::parse(text).map_err(|unknown| self.unknown(&unknown))
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, what: &str) -> Result<bool, Fault> {
        match self.tree {
            Tree::Bool(flag) => Ok(*flag),
            _ => Err(self.expected(format_args!("{what} (`true` or `false`)"))),
        }
    }

    /// A value written as text, such as `5%`.
    ///
    /// # Errors
    /// When the text does not parse.
    pub fn parse<T: FromStr<Err = String>>(&self, what: impl Display) -> Result<T, Fault> {
        self.text(what)?.parse().map_err(|message| self.fault(message))
    }

    /// A number between two bounds, both included.
    ///
    /// # Errors
    /// When it is none, or outside.
    pub fn number(&self, what: &str, least: f64, most: f64) -> Result<f64, Fault> {
        match *self.tree {
            Tree::Number(number) if (least..=most).contains(&number) => Ok(number),
            Tree::Number(number) => {
                Err(self.fault(format!("{what} cannot be {number}")).note(format!("allowed: {least} to {most}")))
            }
            _ => Err(self.expected(format_args!("{what} (a number from {least} to {most})"))),
        }
    }

    /// A whole number between two bounds, both included.
    ///
    /// # Errors
    /// When it is none, or outside.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number in range"
    )]
    pub fn count(&self, what: &str, least: u32, most: u32) -> Result<u32, Fault> {
        let number = self.number(what, f64::from(least), f64::from(most))?;
        if number.fract() == 0.0 {
            Ok(number as u32)
        } else {
            Err(self.fault(format!("{what} must be a whole number, found {number}")))
        }
    }

    /// The elements of a list that may not be empty.
    ///
    /// # Errors
    /// When it is no list, or empty.
    pub fn list(&self, what: &str) -> Result<Vec<Node<'a>>, Fault> {
        let values = self.any_list(what)?;
        if values.is_empty() {
            return Err(self
                .fault(format!("expected {what}, found an empty list"))
                .hint("name at least one, or remove the key"));
        }
        Ok(values)
    }

    /// The elements of a list.
    ///
    /// # Errors
    /// When it is no list.
    pub fn any_list(&self, what: &str) -> Result<Vec<Node<'a>>, Fault> {
        match self.tree {
            Tree::List(values) => Ok(values
                .iter()
                .enumerate()
                .map(|(i, tree)| Node { tree, path: self.path.then(Step::Index(i)) })
                .collect()),
            Tree::Text(text) => Err(self.expected(what).hint(format!("write `[{text}]`"))),
            _ => Err(self.expected(what)),
        }
    }

    /// The elements of a list, or a single value as a list of one.
    ///
    /// # Errors
    /// When the list is empty.
    pub fn one_or_more(&self, what: &str) -> Result<Vec<Node<'a>>, Fault> {
        if let Tree::List(_) = self.tree { self.list(what) } else { Ok(vec![self.clone()]) }
    }

    /// The map, all of whose keys must be in `allowed`; `what` names the thing it describes.
    ///
    /// # Errors
    /// When it is no map, or has an unknown key.
    pub fn fields(&self, what: &str, allowed: &[&str]) -> Result<Fields<'a>, Fault> {
        let Tree::Map(entries) = self.tree else {
            let keys =
                if allowed.is_empty() { "`{}`".to_owned() } else { format!("a map with {}", allowed.join(", ")) };
            return Err(self.expected(format_args!("{what} ({keys})")));
        };
        for (key, _) in entries {
            if !allowed.contains(&key.as_str()) {
                let at = Node { path: self.path.key(key), ..self.clone() };
                let unknown = UnknownWord::new("key", key, allowed.iter().copied());
                return Err(Fault { message: format!("unknown key `{key}` in {what}"), ..at.unknown(&unknown) });
            }
        }
        Ok(Fields { node: self.clone(), entries })
    }

    /// Every key of a map with its value, both placed.
    ///
    /// # Errors
    /// When it is no map.
    pub fn entries(&self, what: &str) -> Result<Vec<(&'a str, Node<'a>, Node<'a>)>, Fault> {
        let Tree::Map(entries) = self.tree else { return Err(self.expected(what)) };
        Ok(entries
            .iter()
            .map(|(key, tree)| {
                let name = Node { tree, path: self.path.key(key) };
                (key.as_str(), name, Node { tree, path: self.path.then(Step::Key(key.clone())) })
            })
            .collect())
    }
}

impl<'a> Fields<'a> {
    /// The value of a key, if the key is there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        let (name, tree) = self.entries.iter().find(|(name, _)| name == key)?;
        Some(Node { tree, path: self.node.path.then(Step::Key(name.clone())) })
    }

    /// Reads the value of a key, if it is there.
    ///
    /// # Errors
    /// Whatever `read` refuses.
    pub fn read<T>(&self, key: &str, read: impl FnOnce(&Node<'a>) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        self.get(key).map(|node| read(&node)).transpose()
    }

    /// The map itself.
    #[must_use]
    pub fn node(&self) -> &Node<'a> {
        &self.node
    }
}
