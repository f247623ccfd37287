//! `browser=firefox & model=bert-*`: the expression of `--only`.

use std::fmt;
use std::str::FromStr;

use super::cell::Cell;
use crate::error::Error;
use crate::spec::{UnknownWord, glob, is_model};

/// What can be asked about a cell.
const KEYS: [&str; 6] = ["browser", "platform", "model", "family", "optimization", "id"];

/// Conditions that must all hold.
///
/// A condition is `key=value` or `key!=value`; a value may hold `*` and `?`, and several values are separated by
/// commas. Conditions are joined by `&`. An optimization matches when it is one of the cell's, or the cell's whole set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    key: &'static str,
    values: Vec<String>,
    wanted: bool,
}

impl Filter {
    /// Whether a cell meets every condition.
    #[must_use]
    pub fn matches(&self, cell: &Cell) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.values.iter().any(|value| condition.is(value, cell)) == condition.wanted)
    }
}

impl Condition {
    fn is(&self, value: &str, cell: &Cell) -> bool {
        match self.key {
            "browser" => glob(value, cell.browser.name()),
            "platform" => glob(value, cell.platform.name()),
            "model" => is_model(value, &cell.model),
            "family" => cell.model.family.is_some_and(|family| glob(value, family.name())),
            "optimization" => {
                glob(value, &cell.optimization()) || cell.optimizations.iter().any(|word| glob(value, word))
            }
            _ => glob(value, &cell.id),
        }
    }
}

impl FromStr for Filter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let conditions = text.split('&').map(|part| condition(part.trim(), text)).collect::<Result<_, Error>>()?;
        Ok(Self { text: text.trim().into(), conditions })
    }
}

fn condition(part: &str, whole: &str) -> Result<Condition, Error> {
    let refuse = |message: String| Error::usage(message).note(format!("in the filter `{whole}`"));
    let example = "write conditions such as `browser=firefox & model!=bert-*`";
    let (key, values) =
        part.split_once('=').ok_or_else(|| refuse(format!("`{part}` is not a condition")).hint(example))?;
    let (key, wanted) = key.trim_end().strip_suffix('!').map_or((key.trim(), true), |key| (key.trim(), false));
    let known = KEYS.into_iter().find(|known| *known == key).ok_or_else(|| {
        let unknown = UnknownWord::new("key", key, KEYS);
        refuse(format!("unknown key `{key}`")).note(unknown.allowed()).maybe_hint(unknown.suggestion())
    })?;
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(refuse(format!("`{part}` has an empty value")).hint(example));
    }
    if values.iter().any(|value| value.contains('=')) {
        return Err(refuse(format!("`{part}` has more than one `=`"))
            .hint("join conditions with `&`, values with `,`: `model=vit,clip & browser=firefox`"));
    }
    Ok(Condition { key: known, values, wanted })
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["", "browser", "browsr=chrome", "browser=", "browser=a & ", "browser=a model=b"] {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        }
        let error = "browsr=chrome".parse::<Filter>().expect_err("a typo").render(false);
        assert!(error.contains("did you mean `browser`?"), "{error}");
    }
}
