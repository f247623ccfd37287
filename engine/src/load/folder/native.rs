//! A folder on disk.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::BTreeMap,
    fs::{File, Metadata},
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::PathBuf,
};

use super::{changed, short_read};
use crate::error::{Error, Result};

/// Bytes as they were read.
pub struct Chunk(Vec<u8>);

impl Chunk {
    /// All bytes.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }

    /// A part of the bytes; `offset + length` lies inside the chunk.
    #[must_use]
    pub fn part(&self, offset: usize, length: usize) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0[offset..offset + length])
    }
}

/// A folder on disk.
pub struct Folder {
    path: PathBuf,
    versions: RefCell<BTreeMap<String, String>>,
}

impl Folder {
    /// The folder `at`, relative to `root` unless it is absolute.
    #[must_use]
    pub fn new(root: &str, at: &str) -> Self {
        Self { path: PathBuf::from(root).join(at), versions: RefCell::default() }
    }

    fn error(&self, file: &str, error: &std::io::Error) -> Error {
        Error::model(format!("cannot be read: {error}")).of(self.path.join(file).display().to_string())
    }

    /// Bytes of a file, or `None` if there is no such file.
    pub async fn length(&self, file: &str) -> Result<Option<u64>> {
        match std::fs::metadata(self.path.join(file)) {
            Ok(metadata) => {
                self.versions.borrow_mut().insert(file.to_owned(), version(&metadata));
                Ok(Some(metadata.len()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error(file, &error)),
        }
    }

    /// `length` bytes from `start` on.
    pub async fn range(&self, file: &str, start: u64, length: u64) -> Result<Chunk> {
        let mut handle = File::open(self.path.join(file)).map_err(|error| self.error(file, &error))?;
        let now = version(&handle.metadata().map_err(|error| self.error(file, &error))?);
        if let Some(before) = self.versions.borrow().get(file).filter(|before| **before != now) {
            return Err(changed(&self.path.join(file).display().to_string(), before, &now));
        }
        handle.seek(SeekFrom::Start(start)).map_err(|error| self.error(file, &error))?;
        let mut bytes = Vec::new();
        handle.take(length).read_to_end(&mut bytes).map_err(|error| self.error(file, &error))?;
        if (bytes.len() as u64) < length {
            return Err(short_read(file, start, length, bytes.len() as u64));
        }
        Ok(Chunk(bytes))
    }
}

/// What tells a file from what it was before.
fn version(metadata: &Metadata) -> String {
    let written = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let written = written
        .map_or_else(String::new, |time| format!(", written at {}.{:09} s", time.as_secs(), time.subsec_nanos()));
    format!("{} bytes{written}", metadata.len())
}
