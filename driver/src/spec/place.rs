//! Where in a YAML text a value stands.
//!
//! The parser reports where an error arose, and nothing else. So to find the line of a value, the text is
//! parsed again with a visitor that walks to that value and fails there.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// Where a value stands, or a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// From the root.
    pub steps: Vec<Step>,
    /// Whether the last key itself is meant, and not its value.
    pub at_key: bool,
}

impl Path {
    /// The path one step further in.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps, at_key: false }
    }

    /// The path to the key `key` of the map here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self { at_key: true, ..self.then(Step::Key(key.into())) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// Where an error arose, when the parser knows.
    pub(super) fn of(error: &serde_yaml::Error) -> Option<Self> {
        error.location().map(|at| Self { line: at.line(), column: at.column() })
    }
}

/// Where the value (or key) at `path` stands in `text`, which must parse.
#[must_use]
pub fn locate(text: &str, path: &Path) -> Option<Place> {
    let walk = Walk { steps: &path.steps, at_key: path.at_key };
    let error = walk.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    Place::of(&error)
}

/// Walks along `steps` and fails at their end.
#[derive(Clone, Copy)]
struct Walk<'a> {
    steps: &'a [Step],
    at_key: bool,
}

/// A walk that ended as it should.
const ARRIVED: &str = "arrived";

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// At the end of the steps every kind of value is the one looked for.
macro_rules! arrive {
    ($($method:ident($($type:ty)?),)+) => {
        $(fn $method<E: serde::de::Error>(self, $(_: $type)?) -> Result<(), E> {
            self.scalar()
        })+
    };
}

impl Walk<'_> {
    fn scalar<E: serde::de::Error>(self) -> Result<(), E> {
        if self.steps.is_empty() { Err(E::custom(ARRIVED)) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    arrive! {
        visit_unit(), visit_none(), visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_i128(i128),
        visit_u128(u128), visit_f64(f64), visit_str(&str),
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.scalar()?;
        let mut index = 0;
        loop {
            let more = match self.steps.split_first() {
                Some((Step::Index(wanted), rest)) if *wanted == index => {
                    list.next_element_seed(Walk { steps: rest, ..self })?.is_some()
                }
                _ => list.next_element::<serde::de::IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.scalar()?;
        let wanted = self.steps.split_first();
        loop {
            let stop_at = match wanted {
                Some((Step::Key(key), rest)) if rest.is_empty() && self.at_key => Some(key.as_str()),
                _ => None,
            };
            let Some(key) = map.next_key_seed(StopAt(stop_at))? else { return Ok(()) };
            match wanted {
                Some((Step::Key(name), rest)) if *name == key => map.next_value_seed(Walk { steps: rest, ..self })?,
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
    }
}

/// Reads a key and fails at the one looked for.
struct StopAt<'a>(Option<&'a str>);

impl<'de> DeserializeSeed<'de> for StopAt<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        // Fails inside the parser's call, so that the parser fills in the place of the key.
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for StopAt<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if self.0 == Some(key) {
            Err(E::custom(ARRIVED))
        } else {
            String::deserialize(serde::de::value::StrDeserializer::<E>::new(key))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a: 1\nb:\n  - {c: x, d: [1, 2]}\n  - e: true\n";

    fn at(steps: &[Step], at_key: bool) -> (usize, usize) {
        let place = locate(TEXT, &Path { steps: steps.to_vec(), at_key }).expect("is in the text");
        (place.line, place.column)
    }

    #[test]
    fn every_value_and_key_is_found() {
        let b = Step::Key("b".into());
        let d = Step::Key("d".into());
        assert_eq!(at(&[Step::Key("a".into())], false), (1, 4));
        assert_eq!(at(&[b.clone(), Step::Index(0), d.clone(), Step::Index(1)], false), (3, 19));
        assert_eq!(at(&[b.clone(), Step::Index(0), d], true), (3, 12));
        assert_eq!(at(&[b, Step::Index(1), Step::Key("e".into())], false), (4, 8));
    }

    #[test]
    fn a_path_that_is_not_there_is_not_found() {
        assert_eq!(locate(TEXT, &Path::default().key("z")), None);
    }
}
