//! A folder of model files: over HTTP in a browser, on disk natively. Both read byte ranges, so that
//! no weight file ever has to be in memory as a whole.

#[cfg(target_arch = "wasm32")]
mod digest;
#[cfg(target_arch = "wasm32")]
mod kept;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::{Chunk, Folder};
#[cfg(target_arch = "wasm32")]
pub use web::{Chunk, Folder};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A file as anyone can read it who knows no folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Address or path.
    pub at: String,
    /// What it is known to be, so that no other file is taken for it; empty where nothing is known.
    pub version: String,
    /// Whether what is read of it is kept for the next time, where that can be done.
    #[serde(default)]
    pub keep: bool,
    /// Whether what is read of it is held against the digest that its server tells.
    #[serde(default)]
    pub verify: bool,
}

/// What is worth telling of how files were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarks {
    /// Bytes that are what their server said they would be.
    pub verified: u64,
    /// Why nothing more is kept for the next time, where something was to be.
    pub unkept: Option<String>,
}

impl Remarks {
    /// These and those of another reader.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { verified: self.verified + other.verified, unkept: self.unkept.or(other.unkept) }
    }
}

/// The most a file that is read as a whole may hold: configurations and indices, never weights.
const WHOLE_FILE_LIMIT: u64 = 64 << 20;

impl Folder {
    /// A small file as a whole, or `None` if the folder has no such file.
    pub async fn read(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let Some(length) = self.length(file).await? else { return Ok(None) };
        if length > WHOLE_FILE_LIMIT {
            return Err(Error::model("too large for a configuration")
                .of(file)
                .expected(format!("at most {WHOLE_FILE_LIMIT} bytes"))
                .found(format!("{length} bytes")));
        }
        Ok(Some(self.range(file, 0, length).await?.bytes()))
    }
}

/// A range that ends past the end of its file, as both kinds of folder report it.
fn short_read(file: &str, start: u64, expected: u64, found: u64) -> Error {
    Error::model(format!("truncated at byte {start}"))
        .of(file)
        .expected(format!("{expected} bytes"))
        .found(format!("{found} bytes"))
        .hint("the file is incomplete: fetch it again")
}

/// A file that is another than the one whose header was read.
fn changed(file: &str, before: &str, now: &str) -> Error {
    Error::model("changed while it was read")
        .of(file)
        .expected(before)
        .found(now)
        .hint("load the model again, when nothing writes to its files any more")
}
