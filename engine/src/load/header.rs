//! The header of a safetensors file: eight bytes of length, then JSON that says where each tensor lies.
//! Every number in it is checked against the file before it is used.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Dtype, Folder};
use crate::error::{Error, Result};

/// The format's own bound on the JSON.
const HEADER_LIMIT: u64 = 100_000_000;

/// Where one tensor lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The type as the file names it.
    pub dtype: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// First byte, counted from the start of the file.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
}

impl Entry {
    /// The type, or an error that names the tensor.
    pub fn known_dtype(&self, name: &str) -> Result<Dtype> {
        Dtype::parse(&self.dtype).ok_or_else(|| {
            Error::model("unknown element type")
                .of(format!("tensor '{name}'"))
                .expected("F32, F16 or BF16")
                .found(self.dtype.clone())
        })
    }
}

#[derive(Deserialize)]
struct Raw {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Reads and checks the header of `file`, whose length is `file_length`.
pub async fn read(folder: &Folder, file: &str, file_length: u64) -> Result<BTreeMap<String, Entry>> {
    if file_length < 8 {
        return Err(Error::model("not a safetensors file")
            .of(file)
            .expected("at least 8 bytes")
            .found(format!("{file_length} bytes")));
    }
    let prefix = folder.range(file, 0, 8).await?.bytes();
    let length = prefix.iter().rev().fold(0_u64, |value, &byte| (value << 8) | u64::from(byte));
    if length > HEADER_LIMIT || length > file_length - 8 {
        return Err(Error::model("the header does not fit into the file")
            .of(file)
            .expected(format!("at most {} bytes of header", HEADER_LIMIT.min(file_length - 8)))
            .found(format!("{length} bytes"))
            .hint("the file is truncated or no safetensors file"));
    }
    let json = folder.range(file, 8, length).await?.bytes();
    parse(&json, 8 + length, file_length).map_err(|error| error.of(file))
}

/// Entries of a header's JSON; the data starts at `data_start` and the file ends at `file_length`.
fn parse(json: &[u8], data_start: u64, file_length: u64) -> Result<BTreeMap<String, Entry>> {
    let invalid = |error: serde_json::Error| Error::model(format!("the header is not valid: {error}"));
    let mut map: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(json).map_err(invalid)?;
    map.remove("__metadata__");
    let mut entries = BTreeMap::new();
    for (name, value) in map {
        let raw: Raw = serde_json::from_value(value).map_err(|error| invalid(error).of(format!("tensor '{name}'")))?;
        let entry = check(raw, data_start, file_length).map_err(|error| error.of(format!("tensor '{name}'")))?;
        entries.insert(name, entry);
    }
    Ok(entries)
}

fn check(raw: Raw, data_start: u64, file_length: u64) -> Result<Entry> {
    let (begin, end) = raw.data_offsets;
    let available = file_length - data_start;
    if begin > end || end > available {
        return Err(Error::model("its bytes lie outside the file")
            .expected(format!("offsets within 0..{available}"))
            .found(format!("{begin}..{end}"))
            .hint("the file is truncated: fetch it again"));
    }
    if let Some(dtype) = Dtype::parse(&raw.dtype) {
        let bytes = raw.shape.iter().try_fold(dtype.size() as u64, |product, &d| product.checked_mul(d as u64));
        if bytes != Some(end - begin) {
            return Err(Error::model("its bytes do not fill its shape")
                .expected(
                    bytes.map_or_else(|| "a shape that fits into memory".into(), |bytes| format!("{bytes} bytes")),
                )
                .found(format!("{} bytes for {} {:?}", end - begin, raw.dtype, raw.shape)));
        }
    }
    Ok(Entry { dtype: raw.dtype, shape: raw.shape, start: data_start + begin, length: end - begin })
}
