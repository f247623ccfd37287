//! A Hugging Face `preprocessor_config.json`: typed access with bounds. Its values are untrusted.

use std::fmt::Display;

use serde_json::{Value, json};

use crate::error::{Error, Result};

const FILE: &str = "preprocessor_config.json";
/// Samples that a clip is brought to, at most: 256 MiB.
const SAMPLES: usize = 1 << 26;

/// The keys of a preprocessor.
#[derive(Clone, Debug)]
pub struct Settings(Value);

impl Settings {
    /// Parses the file's text.
    ///
    /// # Errors
    /// When it isn't a JSON object.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let value: Value =
            serde_json::from_slice(text).map_err(|error| Error::model(format!("not JSON: {error}")).of(FILE))?;
        if value.is_object() { Ok(Self(value)) } else { Err(Error::model("not a JSON object").of(FILE)) }
    }

    /// The settings that the published checkpoints of an audio model type come with, for the model of a `config.json`:
    /// openai/whisper-tiny, laion/clap-htsat-unfused and -fused, facebook/wav2vec2-base-960h and -large-960h-lv60.
    #[must_use]
    pub fn published(model_type: &str, config: &Value) -> Self {
        let integer = |pointer: &str, default: u64| config.pointer(pointer).and_then(Value::as_u64).unwrap_or(default);
        Self(match model_type {
            // Two frames become one position, and a second has a hundred.
            "whisper" => json!({
                "feature_size": integer("/num_mel_bins", 80), "chunk_length": integer("/max_source_positions", 1500) / 50,
            }),
            "clap" => {
                let fused = config.pointer("/audio_config/enable_fusion").and_then(Value::as_bool).unwrap_or(false);
                let (bands, edge) =
                    (integer("/audio_config/num_mel_bins", 64), integer("/audio_config/spec_size", 256));
                // A second has a hundred frames, and the model places for edge² / bands of them.
                let seconds = edge.saturating_mul(edge) / bands.max(1) / 100;
                json!({
                    "feature_size": bands, "frequency_min": 50, "max_length_s": seconds.clamp(1, 10),
                    "truncation": if fused { "fusion" } else { "rand_trunc" },
                })
            }
            "wav2vec2" => {
                let masked = config.get("feat_extract_norm").and_then(Value::as_str) == Some("layer");
                json!({"return_attention_mask": masked})
            }
            _ => json!({}),
        })
    }

    /// A value by its key; `null` counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// An integer within `least..=most`.
    ///
    /// # Errors
    /// When the value is anything else.
    pub fn integer(&self, key: &str, default: usize, least: usize, most: usize) -> Result<usize> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let integer = value.as_u64().and_then(|value| usize::try_from(value).ok());
        integer
            .filter(|integer| (least..=most).contains(integer))
            .ok_or_else(|| Self::wrong(key, format!("an integer from {least} to {most}"), value))
    }

    /// A finite number of at least `least`.
    ///
    /// # Errors
    /// When the value is anything else.
    pub fn number(&self, key: &str, default: f64, least: f64) -> Result<f64> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let number = value.as_f64().filter(|number| number.is_finite() && *number >= least);
        let expected = if least == f64::MIN { "a number".to_owned() } else { format!("a number of at least {least}") };
        number.ok_or_else(|| Self::wrong(key, expected, value))
    }

    /// `sampling_rate` in Hertz.
    ///
    /// # Errors
    /// When the value is out of bounds.
    pub fn sampling_rate(&self, default: u32) -> Result<u32> {
        let rate = self.integer("sampling_rate", default as usize, 1000, 384_000)?;
        Ok(u32::try_from(rate).unwrap_or(default))
    }

    /// A duration in whole seconds, as a number of samples.
    ///
    /// # Errors
    /// When the value is out of bounds.
    pub fn seconds(&self, key: &str, default: usize, sampling_rate: u32) -> Result<usize> {
        let rate = sampling_rate as usize;
        Ok(self.integer(key, default, 1, SAMPLES / rate)? * rate)
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When the value is anything else.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| Self::wrong(key, "true or false", value))
    }

    /// One of the words that `meanings` gives a meaning.
    ///
    /// # Errors
    /// When the value is anything else.
    pub fn choice<T: Copy>(&self, key: &str, default: &str, meanings: &[(&str, T)]) -> Result<T> {
        let value = self.get(key).cloned().unwrap_or_else(|| Value::from(default));
        let meaning = meanings.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, meaning)| *meaning);
        let words = || meanings.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        meaning.ok_or_else(|| Self::wrong(key, words(), &value))
    }

    /// Refuses a key that changes the result in a way that isn't implemented.
    ///
    /// # Errors
    /// When the key is there with another value than `only`.
    pub fn only(&self, key: &str, only: &Value) -> Result<()> {
        let same = |value: &Value| value == only || (value.is_number() && value.as_f64() == only.as_f64());
        match self.0.get(key) {
            Some(value) if !same(value) => Err(Self::wrong(key, only, value)),
            _ => Ok(()),
        }
    }

    /// An error about one key.
    pub fn wrong(key: &str, expected: impl Display, found: impl Display) -> Error {
        let found: String = found.to_string().chars().take(80).collect();
        Error::model("unusable value").of(format!("{FILE}: '{key}'")).expected(expected.to_string()).found(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: &Value) -> Settings {
        Settings::parse(value.to_string().as_bytes()).expect("an object")
    }

    #[test]
    fn a_wrong_value_names_key_allowed_and_found() {
        let settings = settings(&json!({"n_fft": -3, "top_db": 80, "padding": "left", "do_normalize": "yes"}));
        let text = [
            settings.integer("n_fft", 400, 1, 9).expect_err("negative"),
            settings.only("top_db", &Value::Null).expect_err("not null"),
            settings.choice("padding", "pad", &[("pad", 1), ("repeat", 2)]).expect_err("unknown"),
            settings.flag("do_normalize", true).expect_err("a word"),
        ]
        .map(|error| error.to_string())
        .join("\n");
        assert_eq!(
            text,
            "preprocessor_config.json: 'n_fft': unusable value: expected an integer from 1 to 9, found -3\n\
             preprocessor_config.json: 'top_db': unusable value: expected null, found 80\n\
             preprocessor_config.json: 'padding': unusable value: expected \"pad\", \"repeat\", found \"left\"\n\
             preprocessor_config.json: 'do_normalize': unusable value: expected true or false, found \"yes\""
        );
    }

    #[test]
    fn null_and_absent_are_the_default() {
        let settings = settings(&json!({"a": null}));
        assert_eq!(settings.integer("a", 7, 1, 9).expect("default"), 7);
        assert!(settings.flag("b", true).expect("default"));
        assert!(settings.only("a", &json!(null)).is_ok() && settings.only("c", &json!(0.0)).is_ok());
        assert!(Settings::parse(b"[1]").is_err() && Settings::parse(b"{").is_err());
    }
}
