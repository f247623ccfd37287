//! What a user gives a model to look at, hear and read.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::plan::Scenario;

/// Sentences and files for one model. What a model takes must be there, what it doesn't take must not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Sentences. Without any, and for a model without a tokenizer, ids are made from a seed.
    pub texts: Vec<String>,
    /// Tokens per sentence: at most with a tokenizer, exactly without.
    pub tokens: u32,
    /// Tokens that will follow; a prompt leaves room for them.
    pub decode: u32,
    /// A PNG or JPEG file.
    pub image: Option<PathBuf>,
    /// A WAV or FLAC file.
    pub audio: Option<PathBuf>,
    /// A folder of PNG or JPEG files, one per frame.
    pub video: Option<PathBuf>,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Sentences.
    Text,
    /// One image.
    Image,
    /// One clip of sound.
    Audio,
    /// One clip of frames.
    Video,
}

impl Medium {
    /// Those that come from files.
    pub const FILES: [Self; 3] = [Self::Image, Self::Audio, Self::Video];

    /// What a user can name.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::Text => "sentences",
            Self::Image => "an image (a PNG or JPEG file)",
            Self::Audio => "a sound (a WAV or FLAC file)",
            Self::Video => "a video (a folder of PNG or JPEG frames)",
        }
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

impl From<&Scenario> for Sources {
    fn from(scenario: &Scenario) -> Self {
        Self {
            texts: scenario.texts.clone(),
            tokens: scenario.tokens,
            decode: scenario.decode,
            image: scenario.image.clone(),
            audio: scenario.audio.clone(),
            video: scenario.video.clone(),
        }
    }
}

impl Sources {
    /// The file or folder of a medium.
    #[must_use]
    pub fn path(&self, medium: Medium) -> Option<&Path> {
        match medium {
            Medium::Text => None,
            Medium::Image => self.image.as_deref(),
            Medium::Audio => self.audio.as_deref(),
            Medium::Video => self.video.as_deref(),
        }
    }

    /// Only what a model takes.
    #[must_use]
    pub fn only(mut self, taken: &[Medium]) -> Self {
        for (medium, path) in
            [(Medium::Image, &mut self.image), (Medium::Audio, &mut self.audio), (Medium::Video, &mut self.video)]
        {
            if !taken.contains(&medium) {
                *path = None;
            }
        }
        self
    }

    /// Whether everything that a model takes from files is here.
    #[must_use]
    pub fn suffice(&self, taken: &[Medium]) -> bool {
        Medium::FILES.iter().all(|medium| !taken.contains(medium) || self.path(*medium).is_some())
    }

    /// Checks that the files are those that a model takes.
    ///
    /// # Errors
    /// When one is missing, or there is one too many.
    pub fn check(&self, model_type: &str, taken: &[Medium]) -> Result<(), Error> {
        for medium in Medium::FILES {
            let described: Vec<&str> = taken.iter().map(|medium| medium.described()).collect();
            let takes = format!("a {model_type} model takes {}", described.join(" and "));
            match (taken.contains(&medium), self.path(medium)) {
                (true, None) => {
                    return Err(Error::usage(format!("a {model_type} model needs {}", medium.described())).note(takes));
                }
                (false, Some(path)) => {
                    let found = format!("a {model_type} model takes no {medium}: {}", path.display());
                    return Err(Error::usage(found).note(takes));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The bytes of a file of at most `limit` bytes. The limit holds for files without a length, too.
///
/// # Errors
/// When it can't be read, is a folder, is empty or too large.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| Error::usage(format!("cannot read {shown}")).because(error);
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(Error::usage(format!("{shown} is a folder, not a file")));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(Error::usage(format!("{shown} is too large")).note(format!("at most {} MiB are read", limit >> 20)));
    }
    if bytes.is_empty() {
        return Err(Error::usage(format!("{shown} is empty")));
    }
    Ok(bytes)
}
