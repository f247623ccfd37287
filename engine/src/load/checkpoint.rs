//! The weight files of a folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    Config, Folder, Packing,
    header::{self, Entry},
};
use crate::error::{Error, Result};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// All tensors of a folder by name, without their values.
pub struct Checkpoint {
    folder: Folder,
    files: Vec<String>,
    tensors: BTreeMap<String, (usize, Entry)>,
    header_bytes: u64,
    packing: Option<Packing>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Reads the headers of all weight files; `config` says how their integers are packed, if they are integers.
    pub async fn open(folder: Folder, config: &Config) -> Result<Self> {
        let packing = Packing::read(config)?;
        let mut checkpoint = Self { folder, files: Vec::new(), tensors: BTreeMap::new(), header_bytes: 0, packing };
        if let Some(length) = checkpoint.folder.length(SINGLE).await? {
            checkpoint.add(SINGLE, length).await?;
            return Ok(checkpoint);
        }
        let Some(json) = checkpoint.folder.read(INDEX).await? else {
            return Err(Error::model("the folder has no weights")
                .expected(format!("{SINGLE} or {INDEX}"))
                .hint("convert other formats with `save_pretrained(..., safe_serialization=True)`"));
        };
        let index: Index = serde_json::from_slice(&json)
            .map_err(|error| Error::model(format!("not a shard index: {error}")).of(INDEX))?;
        for shard in index.weight_map.values().collect::<BTreeSet<_>>() {
            if shard.contains(['/', '\\']) || shard.contains("..") {
                return Err(Error::model("a shard lies outside the folder").of(INDEX).found(format!("'{shard}'")));
            }
            let Some(length) = checkpoint.folder.length(shard).await? else {
                return Err(Error::model("a shard is missing")
                    .of(INDEX)
                    .expected(format!("the file '{shard}'"))
                    .hint("fetch every shard the index lists"));
            };
            checkpoint.add(shard, length).await?;
        }
        if let Some((name, shard)) = index.weight_map.iter().find(|(name, _)| !checkpoint.tensors.contains_key(*name)) {
            return Err(Error::model(format!("tensor '{name}' is not where the index says"))
                .of(INDEX)
                .expected(format!("it in '{shard}'")));
        }
        Ok(checkpoint)
    }

    async fn add(&mut self, file: &str, length: u64) -> Result<()> {
        let entries = header::read(&self.folder, file, length).await?;
        let index = self.files.len();
        self.header_bytes += entries.values().map(|entry| entry.start).min().unwrap_or(length);
        self.files.push(file.to_owned());
        self.tensors.extend(entries.into_iter().map(|(name, entry)| (name, (index, entry))));
        Ok(())
    }

    /// The folder the files lie in.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where a tensor lies: file number and place in it.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<(usize, &Entry)> {
        self.tensors.get(name).map(|(file, entry)| (*file, entry))
    }

    /// How matrices are packed that the files hold as integers.
    #[must_use]
    pub fn packing(&self) -> Option<Packing> {
        self.packing
    }

    /// Every tensor's name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The weight files.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Bytes of all headers.
    #[must_use]
    pub fn header_bytes(&self) -> u64 {
        self.header_bytes
    }
}
