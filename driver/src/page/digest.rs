//! Digests of ranges, told to whoever asks for them (RFC 9530: `Want-Content-Digest`, `Content-Digest`). Each is
//! computed once for a file as it is: pages ask for the same ranges again and again, and some of them are timed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::http::header::{CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const WANTED: HeaderName = HeaderName::from_static("want-content-digest");
const TOLD: HeaderName = HeaderName::from_static("content-digest");
/// Bytes that are read at a time.
const PIECE: u64 = 1 << 20;

/// Digests that were computed.
#[derive(Clone, Default)]
pub(super) struct Digests(Arc<Mutex<HashMap<Part, HeaderValue>>>);

/// A range of a file as it was at some time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    file: PathBuf,
    written: Option<SystemTime>,
    bytes: u64,
    start: u64,
    end: u64,
}

/// Whether a request asks for a digest that can be had.
pub(super) fn asked(headers: &HeaderMap) -> bool {
    let wanted = headers.get(WANTED).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let weights = wanted.split(',').filter_map(|member| member.trim().strip_prefix("sha-256="));
    // A weight of 0 says: not this one.
    weights.filter_map(|weight| weight.parse::<u32>().ok()).any(|weight| weight > 0)
}

impl Digests {
    /// Adds the digest of a range to the answer that brings it. A file that can't be read brings none.
    pub(super) async fn tell(&self, file: &Path, response: &mut Response) {
        let Some((start, end)) = response.headers().get(CONTENT_RANGE).and_then(range) else { return };
        let (digests, file) = (self.clone(), file.to_path_buf());
        let digest = tokio::task::spawn_blocking(move || digests.of(file, start, end)).await;
        if let Ok(Ok(digest)) = digest {
            response.headers_mut().insert(TOLD, digest);
        }
    }

    /// The digest of the bytes of a file from `start` up to `end`, both included.
    fn of(&self, file: PathBuf, start: u64, end: u64) -> io::Result<HeaderValue> {
        let mut opened = File::open(&file)?;
        let metadata = opened.metadata()?;
        let part = Part { file, written: metadata.modified().ok(), bytes: metadata.len(), start, end };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&part).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        opened.seek(SeekFrom::Start(start))?;
        let (mut hash, mut left) = (Sha256::new(), end - start + 1);
        let mut piece = Vec::new();
        while left > 0 {
            piece.clear();
            if opened.by_ref().take(left.min(PIECE)).read_to_end(&mut piece)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hash.update(&piece);
            left -= piece.len() as u64;
        }
        let digest = format!("sha-256=:{}:", STANDARD.encode(hash.finalize()));
        let digest = HeaderValue::try_from(digest).map_err(io::Error::other)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, digest.clone());
        Ok(digest)
    }
}

/// First and last byte of an answer.
fn range(told: &HeaderValue) -> Option<(u64, u64)> {
    let (place, _) = told.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = place.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wanted_is_told() {
        let asks = |wanted: &'static str| asked(&HeaderMap::from_iter([(WANTED, HeaderValue::from_static(wanted))]));
        assert!(asks("sha-256=9") && asks("sha-512=3, sha-256=10"));
        assert!(!asks("sha-256=0") && !asks("sha-512=3") && !asks("") && !asks("sha-256"));
        assert!(!asked(&HeaderMap::new()));
    }

    #[test]
    fn a_digest_is_of_the_file_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, digests) = (folder.path().join("a"), Digests::default());
        std::fs::write(&file, b"xabcx").expect("written");
        let of = |start, end| digests.of(file.clone(), start, end);
        // The first test vector of FIPS 180-2.
        assert_eq!(of(1, 3).expect("read"), "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:");
        assert_eq!(of(1, 3).expect("known"), "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:");
        std::fs::write(&file, b"xabdx and more").expect("written");
        assert_ne!(of(1, 3).expect("read"), "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:");
        assert!(of(1, 300).is_err(), "past the end");
    }
}
