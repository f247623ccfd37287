//! A Hugging Face `config.json`: typed access with bounds, so that an absurd value is a message and not a crash.

use serde_json::Value;

use super::Folder;
use crate::error::{Error, Result};

const FILE: &str = "config.json";
/// Larger than any dimension a model has, small enough that products of three stay within 64 bits.
const DIMENSION_LIMIT: u64 = 1 << 21;

/// The configuration of a model.
pub struct Config(Value);

impl Config {
    /// Reads `config.json`.
    pub async fn read(folder: &Folder) -> Result<Self> {
        let Some(bytes) = folder.read(FILE).await? else {
            return Err(Error::model("the folder has no configuration")
                .expected(FILE)
                .hint("the folder should be what `save_pretrained` writes"));
        };
        let value =
            serde_json::from_slice(&bytes).map_err(|error| Error::model(format!("not JSON: {error}")).of(FILE))?;
        Ok(Self(value))
    }

    /// A configuration given as a value.
    #[must_use]
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// The configuration as a value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// A size: at least 1.
    pub fn size(&self, key: &str, default: usize) -> Result<usize> {
        let size = self.index(key, default)?;
        if size == 0 { Err(Self::wrong(key, "at least 1", "0")) } else { Ok(size) }
    }

    /// A non-negative integer.
    pub fn index(&self, key: &str, default: usize) -> Result<usize> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_u64()
                .filter(|&value| value <= DIMENSION_LIMIT)
                .and_then(|value| usize::try_from(value).ok())
                .ok_or_else(|| Self::wrong(key, &format!("an integer from 0 to {DIMENSION_LIMIT}"), value)),
        }
    }

    /// A size, if there is one.
    pub fn optional_size(&self, key: &str) -> Result<Option<usize>> {
        Ok(Some(self.index(key, 0)?).filter(|&size| size > 0))
    }

    /// A height and a width: one number for both, or a list of two.
    pub fn pair(&self, key: &str, default: usize) -> Result<[usize; 2]> {
        if !matches!(self.0.get(key), Some(Value::Array(_))) {
            return Ok([self.size(key, default)?; 2]);
        }
        let sizes = self.sizes(key, &[])?;
        sizes.as_slice().try_into().map_err(|_| Self::wrong(key, "one size or two", format!("{sizes:?}")))
    }

    /// A list of sizes, each at least 1.
    pub fn sizes(&self, key: &str, default: &[usize]) -> Result<Vec<usize>> {
        let unusable = |value: &Value| Self::wrong(key, "a list of integers of at least 1", value);
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default.to_vec()),
            Some(value) => {
                let size = |item: &Value| {
                    let size = item.as_u64().filter(|size| (1..=DIMENSION_LIMIT).contains(size));
                    size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| unusable(value))
                };
                let items = value.as_array().filter(|items| !items.is_empty()).ok_or_else(|| unusable(value))?;
                items.iter().map(size).collect()
            }
        }
    }

    /// Which of `count` things: counted from the first, or from the last if negative.
    pub fn place(&self, key: &str, default: i64, count: usize) -> Result<usize> {
        let place = match self.0.get(key) {
            None | Some(Value::Null) => Some(default),
            Some(value) => value.as_i64(),
        };
        let count_from =
            place.and_then(|place| if place < 0 { place.checked_add_unsigned(count as u64) } else { Some(place) });
        count_from.and_then(|place| usize::try_from(place).ok()).filter(|&place| place < count).ok_or_else(|| {
            let found = self.0.get(key).map_or_else(|| default.to_string(), Value::to_string);
            Self::wrong(key, &format!("an integer from -{count} to {}", count.saturating_sub(1)), found)
        })
    }

    /// A list of pairs of sizes.
    pub fn pairs(&self, key: &str) -> Result<Vec<[usize; 2]>> {
        let list = self.0.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let size = |value: &Value| {
            let size = value.as_u64().filter(|size| (1..=DIMENSION_LIMIT).contains(size));
            size.and_then(|size| usize::try_from(size).ok())
        };
        let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([a, b]) => Some([size(a)?, size(b)?]),
            _ => None,
        };
        let pairs: Option<Vec<_>> = list.iter().map(pair).collect();
        pairs
            .filter(|pairs| !pairs.is_empty())
            .ok_or_else(|| Self::wrong(key, "a list of pairs of sizes", self.0.get(key).unwrap_or(&Value::Null)))
    }

    /// A finite number.
    #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
    pub fn float(&self, key: &str, default: f32) -> Result<f32> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_f64()
                .map(|value| value as f32)
                .filter(|value| value.is_finite())
                .ok_or_else(|| Self::wrong(key, "a number", value)),
        }
    }

    /// Yes or no.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| Self::wrong(key, "true or false", value)),
        }
    }

    /// A word.
    pub fn word<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| Self::wrong(key, "a string", value)),
        }
    }

    /// A configuration inside this one, such as `text_config`.
    pub fn part(&self, key: &str) -> Result<Option<Self>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value @ Value::Object(_)) => Ok(Some(Self(value.clone()))),
            Some(value) => Err(Self::wrong(key, "an object", value)),
        }
    }

    /// A configuration inside this one that has to be there.
    pub fn required(&self, key: &str) -> Result<Self> {
        self.part(key)?.ok_or_else(|| Self::wrong(key, "an object", "nothing"))
    }

    /// Number of classes of a classifier: the entries of `id2label`, 2 without it.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.0.get("id2label").and_then(Value::as_object).map_or(2, serde_json::Map::len)
    }

    /// The class the weights were saved from: the first of `architectures`.
    #[must_use]
    pub fn architecture(&self) -> Option<&str> {
        self.0.get("architectures")?.get(0)?.as_str()
    }

    /// An error about a value that is right, but not one the engine can do.
    pub fn unsupported(key: &str, expected: &str, found: impl std::fmt::Display) -> Error {
        let error = Error::unsupported("unsupported value").of(format!("{FILE}: '{key}'"));
        error.expected(expected).found(found.to_string())
    }

    /// An error about one key.
    pub fn wrong(key: &str, expected: &str, found: impl std::fmt::Display) -> Error {
        Error::model("unusable value").of(format!("{FILE}: '{key}'")).expected(expected).found(found.to_string())
    }
}
