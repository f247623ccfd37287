//! A folder on disk.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::BTreeMap,
    fs::{File, Metadata},
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::PathBuf,
};

use super::{Place, Remarks, changed, short_read};
use crate::error::{Error, Result};

/// Bytes as they were read.
pub struct Chunk(Vec<u8>);

impl Chunk {
    /// Bytes that are there.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// How many there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.len()
    }

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

    /// Keeps what is read for the next time: the disk does.
    pub fn keep(&self) {}

    /// Holds what is read against its digest: nobody tells one for a file on disk, whose version is looked at instead.
    pub fn verify(&self) {}

    /// Whether bytes are held against their digest, which takes a copy of them.
    #[must_use]
    pub fn verifies(&self) -> bool {
        false
    }

    /// Takes note of how another read files of this folder: there is nothing to say of a disk.
    pub fn remark(&self, _: Remarks) {}

    /// What there is to say of how files were read.
    #[must_use]
    pub fn remarks(&self) -> Remarks {
        Remarks::default()
    }

    fn error(&self, file: &str, error: &std::io::Error) -> Error {
        unreadable(&self.path.join(file).display().to_string(), error)
    }

    /// A file of the folder, for others to read.
    #[must_use]
    pub fn place(&self, file: &str) -> Place {
        let version = self.versions.borrow().get(file).cloned().unwrap_or_default();
        Place { at: self.path.join(file).display().to_string(), version, keep: false, verify: false }
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
        Self::read_at(&self.place(file), start, length).map(Chunk)
    }

    /// `length` bytes of a file from `start` on.
    pub fn read_at(place: &Place, start: u64, length: u64) -> Result<Vec<u8>> {
        let failed = |error: std::io::Error| unreadable(&place.at, &error);
        let mut handle = File::open(&place.at).map_err(failed)?;
        let now = version(&handle.metadata().map_err(failed)?);
        if !place.version.is_empty() && place.version != now {
            return Err(changed(&place.at, &place.version, &now));
        }
        handle.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut bytes = Vec::new();
        handle.take(length).read_to_end(&mut bytes).map_err(failed)?;
        if (bytes.len() as u64) < length {
            let file = std::path::Path::new(&place.at).file_name().unwrap_or_default().to_string_lossy();
            return Err(short_read(&file, start, length, bytes.len() as u64));
        }
        Ok(bytes)
    }
}

fn unreadable(at: &str, error: &std::io::Error) -> Error {
    Error::model(format!("cannot be read: {error}")).of(at)
}

/// What tells a file from what it was before.
fn version(metadata: &Metadata) -> String {
    let written = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let written = written
        .map_or_else(String::new, |time| format!(", written at {}.{:09} s", time.as_secs(), time.subsec_nanos()));
    format!("{} bytes{written}", metadata.len())
}
