//! Presets as folders: what is to come over a wire has to lie somewhere.

use std::fs;
use std::io;
use std::path::PathBuf;

use matrix_engine::catalog::{Family, Size};
use matrix_engine::load::{Origin, Synthetic, preset};
use matrix_engine::{model, weights};
use sha2::{Digest as _, Sha256};

use super::fetch::cache_folder;
use crate::error::Error;

/// Goes up when the same seed gives other values.
pub const PRESETS: u32 = 1;

/// A folder with the weights of a preset, written once. Its name holds everything they depend on.
///
/// # Errors
/// When the cache folder can't be written.
pub fn preset_folder(family: Family, size: Size, seed: u64) -> Result<PathBuf, Error> {
    let config = preset::config(family, size);
    let synthetic = Synthetic::new(seed);
    let built = model::build(&config, &Origin::Synthetic(Synthetic::new(seed)));
    let declared = built.map_err(|error| Error::internal(error.to_string()))?.declared;
    let identity = format!("{PRESETS} {seed} {} {declared:?}", config.value());
    let hash: String = Sha256::digest(identity).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let cache = cache_folder().join("presets");
    let folder = cache.join(format!("{}-{}-{hash}", family.name(), size.name()));
    if folder.exists() {
        return Ok(folder);
    }
    let unwritable = |error: io::Error| {
        Error::environment(format!("cannot write to the cache folder {}: {error}", cache.display()))
            .hint("make room, or set MATRIX_CACHE to a folder that can be written")
    };
    fs::create_dir_all(&cache).map_err(unwritable)?;
    let work = tempfile::tempdir_in(&cache).map_err(unwritable)?;
    let unfinished = work.path().join("preset");
    fs::create_dir(&unfinished).map_err(unwritable)?;
    let saved = weights::save::save(&synthetic, &config, &declared, &unfinished);
    saved.map_err(|error| unwritable(io::Error::other(error.to_string())))?;
    match fs::rename(&unfinished, &folder) {
        // Another process may have been faster.
        Err(_) if folder.exists() => Ok(folder),
        Err(error) => Err(unwritable(error)),
        Ok(()) => Ok(folder),
    }
}
