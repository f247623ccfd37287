//! A YAML text as plain data, before anything is known about matrices.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

use super::place::Place;

/// Values a text may unfold to; aliases make small files large.
const MAX_VALUES: usize = 50_000;

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A map, in the order written; keys are unique.
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// What it is, for messages: ``the text `a` ``.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(value) => format!("`{value}`"),
            Self::Number(value) => format!("the number `{value}`"),
            Self::Text(value) => format!("the text `{value}`"),
            Self::List(_) => "a list".into(),
            Self::Map(_) => "a map".into(),
        }
    }
}

/// Why a text is not a [`Tree`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub message: String,
    /// Where, when the parser knows.
    pub place: Option<Place>,
    /// What the parser was in the middle of.
    pub while_reading: Option<String>,
}

impl From<serde_yaml::Error> for Malformed {
    fn from(error: serde_yaml::Error) -> Self {
        let place = Place::of(&error);
        let text = error.to_string();
        let while_reading = text.split_once(", while ").map(|(_, context)| format!("while {context}"));
        let text = text.split(" at line ").next().unwrap_or(&text);
        // Our own messages come back behind the parser's idea of a path.
        let message = text.rsplit_once(OURS).map_or(text, |(_, ours)| ours);
        let message = match message {
            "deserializing from YAML containing more than one document is not supported" => {
                "the file holds several YAML documents; a matrix is one document"
            }
            "repetition limit exceeded" => "the aliases of the file repeat too much",
            "recursion limit exceeded" => "the file is nested too deeply",
            "unknown anchor" => "this alias has no anchor (`&name`) before it",
            other => other,
        };
        let message = if while_reading.is_some() { format!("this is not YAML: {message}") } else { message.into() };
        Self { message, place, while_reading }
    }
}

/// Marks messages written here, to tell them from the parser's.
const OURS: &str = "\u{1}";

/// Reads a text.
///
/// # Errors
/// When it is not YAML, holds several documents, a key twice, a tag, a key that is not a text, or unfolds to too much.
pub fn parse(text: &str) -> Result<Tree, Malformed> {
    let left = Cell::new(MAX_VALUES);
    let tree = Seed(&left).deserialize(serde_yaml::Deserializer::from_str(text))?;
    Ok(tree)
}

/// Builds a [`Tree`] while counting its values down.
#[derive(Clone, Copy)]
struct Seed<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// An error of this file.
fn ours<E: serde::de::Error>(message: impl fmt::Display) -> E {
    E::custom(format!("{OURS}{message}"))
}

impl Seed<'_> {
    fn count<E: serde::de::Error>(self, tree: Tree) -> Result<Tree, E> {
        let left = self.0.get();
        if left == 0 {
            return Err(ours(format!("the file unfolds to more than {MAX_VALUES} values")));
        }
        self.0.set(left - 1);
        Ok(tree)
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of a matrix are far below 2^53; larger ones are refused later")]
impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Tree, E> {
        self.count(Tree::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Tree, E> {
        self.count(Tree::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Tree, E> {
        self.count(Tree::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Tree, E> {
        self.count(Tree::Number(value as f64))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Tree, E> {
        self.count(Tree::Number(value as f64))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Tree, E> {
        self.count(Tree::Number(value as f64))
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Tree, E> {
        self.count(Tree::Number(value as f64))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        self.count(Tree::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Tree, E> {
        self.count(Tree::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        self.count(Tree::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        while let Some(key) = map.next_key_seed(Key { known: &entries })? {
            let value = map.next_value_seed(self)?;
            entries.push((key, value));
        }
        self.count(Tree::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _tagged: A) -> Result<Tree, A::Error> {
        Err(ours("tags such as `!name` mean nothing in a matrix; remove it"))
    }
}

/// Reads a key that is a text and not yet known, so that the error stands at the key.
struct Key<'a> {
    known: &'a [(String, Tree)],
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word as key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if self.known.iter().any(|(known, _)| known == key) {
            return Err(ours(format!("the key `{key}` is written twice in the same map")));
        }
        Ok(key.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_written_twice_is_refused_at_its_second_place() {
        let malformed = parse("a:\n  b: 1\n  b: 2\n").expect_err("a duplicate");
        assert_eq!(malformed.place, Some(Place { line: 3, column: 3 }));
        assert_eq!(malformed.message, "the key `b` is written twice in the same map");
    }

    #[test]
    fn an_alias_bomb_is_refused_quickly() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let row = vec![format!("*a{}", i - 1); 9].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{row}]\n"));
        }
        let started = std::time::Instant::now();
        assert!(parse(&text).is_err());
        assert!(started.elapsed().as_secs() < 2);
    }
}
