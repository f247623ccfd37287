//! A folder over HTTP, read by range requests. The bytes stay in JavaScript memory until someone asks for them.

use std::borrow::Cow;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response, WorkerGlobalScope};

use super::short_read;
use crate::error::{Error, Result};

/// Bytes as they were fetched.
pub struct Chunk(Uint8Array);

impl Chunk {
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
}

impl Folder {
    /// The folder `at`, relative to `root` unless it is a URL or an absolute path.
    #[must_use]
    pub fn new(root: &str, at: &str) -> Self {
        let absolute = at.starts_with('/') || at.contains("://");
        let mut url = if absolute { at.to_owned() } else { format!("{root}{at}") };
        if !url.ends_with('/') {
            url.push('/');
        }
        Self { url }
    }

    /// Bytes of a file, or `None` if there is no such file.
    pub async fn length(&self, file: &str) -> Result<Option<u64>> {
        let response = self.request(file, "bytes=0-0").await?;
        match response.status() {
            404 => Ok(None),
            206 => {
                let range = response.headers().get("Content-Range").ok().flatten().unwrap_or_default();
                let total = range.rsplit('/').next().and_then(|total| total.parse().ok());
                total.map(Some).ok_or_else(|| {
                    Error::model("the server does not say how long the file is")
                        .of(format!("{}{file}", self.url))
                        .expected("Content-Range: bytes 0-0/LENGTH")
                        .found(format!("'{range}'"))
                })
            }
            status => Err(self.refused(file, status)),
        }
    }

    /// `length` bytes from `start` on.
    pub async fn range(&self, file: &str, start: u64, length: u64) -> Result<Chunk> {
        if length == 0 {
            return Ok(Chunk(Uint8Array::new_with_length(0)));
        }
        let response = self.request(file, &format!("bytes={start}-{}", start + length - 1)).await?;
        if response.status() != 206 {
            return Err(self.refused(file, response.status()));
        }
        let body = response.array_buffer().map_err(|error| self.failed(file, &error))?;
        let body = JsFuture::from(body).await.map_err(|error| self.failed(file, &error))?;
        let bytes = Uint8Array::new(body.unchecked_ref::<ArrayBuffer>());
        if u64::from(bytes.length()) != length {
            return Err(short_read(file, start, length, u64::from(bytes.length())));
        }
        Ok(Chunk(bytes))
    }

    async fn request(&self, file: &str, range: &str) -> Result<Response> {
        let url = format!("{}{file}", self.url);
        let request = Request::new_with_str_and_init(&url, &RequestInit::new());
        let request = request.map_err(|error| self.failed(file, &error))?;
        request.headers().set("Range", range).map_err(|error| self.failed(file, &error))?;
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
