//! A folder over HTTP, read by range requests. The bytes stay in JavaScript memory until someone asks for them.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestCache, RequestInit, Response, WorkerGlobalScope};

use super::{Place, Remarks, changed, digest, kept, short_read};
use crate::{
    clock,
    device::outside,
    error::{Error, Result},
};

/// Times a range is asked for before its connection counts as broken for good.
const ATTEMPTS: u32 = 4;
/// Milliseconds before the second attempt; each later one waits twice as long.
const PAUSE_MS: i32 = 50;

/// Bytes as they were fetched. Dropped, they are gone at once and not when the garbage collector comes by.
pub struct Chunk(Uint8Array);

impl Drop for Chunk {
    fn drop(&mut self) {
        outside::free(&self.0.buffer());
    }
}

/// Why an attempt failed, and whether another may not.
enum Broken {
    Again(Error),
    /// Another may, but only one.
    Once(Error),
    ForGood(Error),
}

impl Chunk {
    /// Bytes that are there.
    #[must_use]
    pub fn of(bytes: Uint8Array) -> Self {
        Self(bytes)
    }

    /// How many there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.length() as usize
    }

    /// The bytes, where they are, for someone who gives them away.
    #[must_use]
    pub fn take(self) -> Uint8Array {
        let bytes = self.0.clone();
        std::mem::forget(self);
        bytes
    }

    /// All bytes, copied into the heap of the module.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// A part of the bytes, copied; `offset + length` lies inside the chunk.
    #[must_use]
    pub fn part(&self, offset: usize, length: usize) -> Cow<'_, [u8]> {
        Cow::Owned(self.view(offset, length).to_vec())
    }

    /// A part of the bytes, where they are.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "usize has 32 bits on this target")]
    pub fn view(&self, offset: usize, length: usize) -> Uint8Array {
        self.0.subarray(offset as u32, (offset + length) as u32)
    }
}

/// A folder over HTTP.
pub struct Folder {
    url: String,
    versions: RefCell<BTreeMap<String, String>>,
    keep: Cell<bool>,
    verify: Cell<bool>,
    remarks: RefCell<Remarks>,
}

/// Ranges below this are read again: headers and the like.
const LEAST_KEPT: u64 = 16 << 10;

impl Folder {
    /// The folder `at`, relative to `root` unless it is a URL or an absolute path.
    #[must_use]
    pub fn new(root: &str, at: &str) -> Self {
        let absolute = at.starts_with('/') || at.contains("://");
        let mut url = if absolute { at.to_owned() } else { format!("{root}{at}") };
        if !url.ends_with('/') {
            url.push('/');
        }
        Self {
            url,
            versions: RefCell::default(),
            keep: Cell::default(),
            verify: Cell::default(),
            remarks: RefCell::default(),
        }
    }

    /// Bytes of a file, or `None` if there is no such file.
    pub async fn length(&self, file: &str) -> Result<Option<u64>> {
        let mut attempt = 0;
        let response = loop {
            attempt += 1;
            match self.request(file, "bytes=0-0").await {
                Ok(response) => break response,
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => {
                    // A server of another origin may not let a page ask for digests, and the page is not told why.
                    self.verify.set(false);
                    clock::sleep(PAUSE_MS << attempt).await;
                }
            }
        };
        match response.status() {
            404 => Ok(None),
            206 => {
                let (_, length, version) = self.told(file, &response)?;
                self.versions.borrow_mut().insert(file.to_owned(), version);
                Ok(Some(length))
            }
            status => Err(self.refused(file, status)),
        }
    }

    /// A file of the folder, for others to read.
    #[must_use]
    pub fn place(&self, file: &str) -> Place {
        let version = self.versions.borrow().get(file).cloned().unwrap_or_default();
        Place { at: format!("{}{file}", self.url), version, keep: self.keep.get(), verify: self.verify.get() }
    }

    /// Holds what is read against the digests that the server tells, where the browser can compute them.
    pub fn verify(&self) {
        self.verify.set(digest::subtle().is_some());
    }

    /// Whether bytes are held against their digest, which takes a copy of them.
    #[must_use]
    pub fn verifies(&self) -> bool {
        self.verify.get()
    }

    /// Takes note of how files were read, here or by another.
    pub fn remark(&self, remarks: Remarks) {
        if remarks.unkept.is_some() {
            // What could not be kept once is not tried again with every range.
            self.keep.set(false);
        }
        let before = self.remarks.take();
        self.remarks.replace(before.and(remarks));
    }

    /// What there is to say of how files were read.
    #[must_use]
    pub fn remarks(&self) -> Remarks {
        self.remarks.borrow().clone()
    }

    /// Keeps what is read for the next time, where the browser lets it and the server names files by their content.
    pub fn keep(&self) {
        self.keep.set(true);
    }

    /// `length` bytes of a file from `start` on.
    pub async fn read_at(place: &Place, start: u64, length: u64) -> Result<(Chunk, Remarks)> {
        let (url, file) = place.at.rsplit_once('/').unwrap_or(("", &place.at));
        let folder = Self::new("", url);
        if !place.version.is_empty() {
            folder.versions.borrow_mut().insert(file.to_owned(), place.version.clone());
        }
        folder.keep.set(place.keep);
        folder.verify.set(place.verify);
        let chunk = folder.range(file, start, length).await?;
        Ok((chunk, folder.remarks()))
    }

    /// `length` bytes from `start` on. A broken connection is tried again; once, what is not what the server told.
    pub async fn range(&self, file: &str, start: u64, length: u64) -> Result<Chunk> {
        if length == 0 {
            return Ok(Chunk(Uint8Array::new_with_length(0)));
        }
        let kept = if self.keep.get() && length >= LEAST_KEPT { self.kept_as(file, start, length) } else { None };
        if let Some(name) = &kept
            && let Some(bytes) = kept::get(name, length).await
        {
            return Ok(Chunk(bytes));
        }
        let (mut attempt, mut damaged) = (0, false);
        loop {
            attempt += 1;
            match self.attempt(file, start, length).await {
                Ok(chunk) => {
                    if let Some(name) = &kept
                        && let Err(why) = kept::put(name, &chunk.0).await
                    {
                        self.remark(Remarks { unkept: Some(why), ..Remarks::default() });
                    }
                    return Ok(chunk);
                }
                Err(Broken::ForGood(error)) => return Err(error),
                Err(Broken::Once(error)) if damaged => return Err(error),
                Err(Broken::Once(_)) => damaged = true,
                Err(Broken::Again(error)) if attempt == ATTEMPTS => {
                    return Err(error.hint(format!("the connection broke {ATTEMPTS} times at this place")));
                }
                Err(Broken::Again(_)) => clock::sleep(PAUSE_MS << attempt).await,
            }
        }
    }

    fn kept_as(&self, file: &str, start: u64, length: u64) -> Option<String> {
        kept::name(self.versions.borrow().get(file)?, start, length)
    }

    async fn attempt(&self, file: &str, start: u64, length: u64) -> Result<Chunk, Broken> {
        let range = format!("bytes={start}-{}", start + length - 1);
        let response = self.request(file, &range).await.map_err(Broken::Again)?;
        match response.status() {
            206 => {}
            status @ 500.. => return Err(Broken::Again(self.refused(file, status))),
            status => return Err(Broken::ForGood(self.refused(file, status))),
        }
        let (first, _, now) = self.told(file, &response).map_err(Broken::ForGood)?;
        if first != start {
            return Err(Broken::ForGood(
                Error::model("the server answered with another range")
                    .of(format!("{}{file}", self.url))
                    .expected(format!("bytes from {start} on"))
                    .found(format!("bytes from {first} on")),
            ));
        }
        if let Some(before) = self.versions.borrow().get(file).filter(|before| **before != now) {
            let url = format!("{}{file}", self.url);
            return Err(Broken::ForGood(changed(&url, before, &now)));
        }
        let failed = |error: JsValue| Broken::Again(self.failed(file, &error));
        let body = JsFuture::from(response.array_buffer().map_err(failed)?).await.map_err(failed)?;
        let chunk = Chunk(Uint8Array::new(body.unchecked_ref::<ArrayBuffer>()));
        let found = u64::from(chunk.0.length());
        if found != length {
            return Err(Broken::Again(short_read(file, start, length, found)));
        }
        let header = response.headers().get(digest::TOLD).ok().flatten().filter(|_| self.verify.get());
        if let Some(told) = header.as_deref().and_then(digest::told)
            && let Some(computed) = digest::of(&chunk.0).await
        {
            if told != computed {
                return Err(Broken::Once(self.damaged(file, start, length, (told, &computed))));
            }
            self.remark(Remarks { verified: length, ..Remarks::default() });
        }
        Ok(chunk)
    }

    fn damaged(&self, file: &str, start: u64, length: u64, (told, computed): (&str, &str)) -> Error {
        Error::model(format!("bytes {start} to {} are not what the server said it would send", start + length - 1))
            .of(format!("{}{file}", self.url))
            .expected(format!("sha-256 {}", told.chars().take(44).collect::<String>()))
            .found(computed)
            .hint("something between the file and the page changes bytes: a proxy, a damaged disk")
    }

    /// The first byte of an answer; the length and the version of the file it is from.
    fn told(&self, file: &str, response: &Response) -> Result<(u64, u64, String)> {
        let header = |name: &str| response.headers().get(name).ok().flatten().unwrap_or_default();
        let range = header("Content-Range");
        let numbers = range.strip_prefix("bytes ").and_then(|range| {
            let (place, length) = range.split_once('/')?;
            Some((place.split_once('-')?.0.parse().ok()?, length.parse().ok()?))
        });
        let (first, length): (u64, u64) = numbers.ok_or_else(|| {
            Error::model("the server does not say what it sent")
                .of(format!("{}{file}", self.url))
                .expected("Content-Range: bytes FIRST-LAST/LENGTH")
                .found(format!("'{range}'"))
        })?;
        let tag = [header("ETag"), header("Last-Modified")].into_iter().find(|tag| !tag.is_empty());
        let tag = tag.map_or_else(String::new, |tag| format!(", version {tag}"));
        Ok((first, length, format!("{length} bytes{tag}")))
    }

    async fn request(&self, file: &str, range: &str) -> Result<Response> {
        let url = format!("{}{file}", self.url);
        // What is measured is the wire; and a browser's cache lets ranges of one file pass only one after the other.
        let how = RequestInit::new();
        how.set_cache(RequestCache::NoStore);
        let request = Request::new_with_str_and_init(&url, &how);
        let request = request.map_err(|error| self.failed(file, &error))?;
        request.headers().set("Range", range).map_err(|error| self.failed(file, &error))?;
        if self.verify.get() {
            let (name, value) = digest::WANTED;
            request.headers().set(name, value).map_err(|error| self.failed(file, &error))?;
        }
        // A window has the same method; the cast is not checked.
        let scope = js_sys::global().unchecked_into::<WorkerGlobalScope>();
        let response = JsFuture::from(scope.fetch_with_request(&request)).await;
        response.map(JsCast::unchecked_into).map_err(|error| self.failed(file, &error))
    }

    fn refused(&self, file: &str, status: u16) -> Error {
        Error::model("the server did not answer with the range")
            .of(format!("{}{file}", self.url))
            .expected("status 206")
            .found(format!("status {status}"))
            .hint("serve the folder with a server that supports range requests")
    }

    fn failed(&self, file: &str, error: &JsValue) -> Error {
        let text = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
        Error::model(format!("cannot be fetched: {}", text.unwrap_or_default())).of(format!("{}{file}", self.url))
    }
}
