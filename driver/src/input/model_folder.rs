//! What decides what goes into a model: the JSON files of its folder, or the configuration of a preset.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use matrix_engine::audio::{Extractor, Settings};
use matrix_engine::catalog::{Family, Size};
use matrix_engine::load::preset;
use serde_json::Value;

use super::inputs::media;
use super::sources::{Medium, read_bounded};
use crate::error::Error;

/// Bytes of a JSON file.
const LIMIT: u64 = 16 << 20;
const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";

/// A model as far as its inputs go.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    /// The folder; a preset has none.
    path: Option<PathBuf>,
    config: Config,
}

impl ModelFolder {
    /// Reads the configuration of a Hugging Face folder.
    ///
    /// # Errors
    /// When it is there and not JSON.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: Some(path.to_owned()), config: Config::read(path)? })
    }

    /// A published architecture, which has a configuration and no files.
    #[must_use]
    pub fn preset(family: Family, size: Size) -> Self {
        Self { path: None, config: Config::new(preset::config(family, size).value().clone()) }
    }

    /// The folder, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// `config.json`.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What kind of model the configuration says it is.
    #[must_use]
    pub fn model_type(&self) -> &str {
        self.config.at("/model_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// What the model takes; nothing when its type is not known.
    #[must_use]
    pub fn media(&self) -> &'static [Medium] {
        media(self.model_type()).unwrap_or_default()
    }

    /// Whether the model takes a medium.
    #[must_use]
    pub fn takes(&self, medium: Medium) -> bool {
        self.media().contains(&medium)
    }

    /// `preprocessor_config.json`, if there is one.
    ///
    /// # Errors
    /// When it is there and not a JSON object.
    pub fn settings(&self) -> Result<Option<Settings>, Error> {
        let Some(path) = &self.path else { return Ok(None) };
        let Some(bytes) = optional(&path.join(PREPROCESSOR))? else { return Ok(None) };
        Settings::parse(&bytes).map(Some).map_err(|error| self.refused(&error))
    }

    /// What makes features of sound for the model; nothing when it does not hear.
    ///
    /// # Errors
    /// When its settings are not supported.
    pub fn extractor(&self) -> Result<Option<Extractor>, Error> {
        if !self.takes(Medium::Audio) {
            return Ok(None);
        }
        let published = || Settings::published(self.model_type(), self.config().value());
        let settings = self.settings()?.unwrap_or_else(published);
        Extractor::new(self.model_type(), &settings).map(Some).map_err(|error| self.refused(&error))
    }

    /// What the engine says about the settings.
    #[must_use]
    pub fn refused(&self, error: &matrix_engine::error::Error) -> Error {
        Error::usage(format!("{self} can't be given inputs")).note(error.to_string())
    }
}

impl fmt::Display for ModelFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "the model in {}", path.display()),
            None => write!(f, "a preset of {}", self.model_type()),
        }
    }
}

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

    /// All of it.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
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

fn optional(file: &Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read_bounded(file, LIMIT).map(Some),
    }
}
