//! The JSON files of a model's folder that decide what goes into it.

use std::io::ErrorKind;
use std::path::Path;

use matrix_engine::audio::Settings;
use serde_json::Value;

use super::sources::read_bounded;
use crate::error::Error;

/// Bytes of a JSON file.
const LIMIT: u64 = 16 << 20;
const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";

/// `config.json` of a folder; an empty object where there is none.
#[derive(Clone, Debug)]
pub struct Config(Value);

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is there and not JSON.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let Some(bytes) = optional(&folder.join(CONFIG))? else { return Ok(Self(Value::Object(Default::default()))) };
        let refuse = |error| Error::usage(format!("{} is not JSON", folder.join(CONFIG).display())).because(error);
        serde_json::from_slice(&bytes).map(Self).map_err(refuse)
    }

    /// A configuration given as a value.
    #[must_use]
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// The value at a JSON pointer, e.g. `/vision_config/image_size`; `null` counts as absent.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer).filter(|value| !value.is_null())
    }

    /// The integer at the first of several JSON pointers that has one, up to a million.
    #[must_use]
    pub fn integer(&self, pointers: &[&str]) -> Option<usize> {
        let found = pointers.iter().find_map(|pointer| self.at(pointer)?.as_u64());
        found.filter(|&value| value <= 1_000_000).and_then(|value| usize::try_from(value).ok())
    }
}

/// `preprocessor_config.json` of a folder, if there is one.
///
/// # Errors
/// When it is there and not a JSON object.
pub fn settings(folder: &Path) -> Result<Option<Settings>, Error> {
    let Some(bytes) = optional(&folder.join(PREPROCESSOR))? else { return Ok(None) };
    Settings::parse(&bytes).map(Some).map_err(|error| refused(folder, &error))
}

/// What the engine says about the settings of a folder.
#[must_use]
pub fn refused(folder: &Path, error: &matrix_engine::error::Error) -> Error {
    Error::usage(format!("the model in {} can't be given inputs", folder.display())).note(error.to_string())
}

fn optional(file: &Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read_bounded(file, LIMIT).map(Some),
    }
}
