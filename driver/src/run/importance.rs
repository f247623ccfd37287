//! How much the inputs of a model's layers matter over a calibration set: looked at once, by the engine in f32 on the
//! CPU of this process, and kept by the content of everything it depends on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use matrix_engine::protocol::{ModelInfo, Tensors};
use matrix_engine::weights::importance::FILE;
use sha2::{Digest as _, Sha256};

use super::model::{Located, described, locate};
use super::reference::loaded;
use super::workload::made_up_inputs;
use crate::error::Error;
use crate::input::calibration::CalibrationSet;
use crate::input::sources::Medium;
use crate::input::{ModelFolder, inputs_for, prompt_length};
use crate::plan::{Model, Scenario};
use crate::weights::{PRESETS, cache_folder, sha256};

/// Goes up when the same model and set give other numbers.
const VERSION: u32 = 1;
/// Seed of the first inputs that are made up: others than those a cell is judged by.
const SEED: u64 = 1000;
/// Most passes of made-up inputs; more of them say nothing new.
const MADE_UP: usize = 8;

/// The folder of a file that says how much inputs matter.
///
/// # Errors
/// When the set can't be used for the model, or the file can't be written.
pub(super) async fn folder(model: &Model, scenario: &Scenario, set: &[String]) -> Result<PathBuf, Error> {
    const SLOT: &str = "calibration";
    let located = locate(model)?;
    let described = described(model)?;
    let read = CalibrationSet::read(set)?;
    let cache = cache_folder().join("importance");
    let folder = cache.join(identity(&located, scenario, set, &read)?);
    if folder.join(FILE).exists() {
        return Ok(folder);
    }
    let (mut host, info) = loaded(model, &located, SLOT).await?;
    let passes = passes(&described, &info, scenario, &read)?;
    let seen = host.observe(SLOT, &passes).await;
    let seen = seen.map_err(|error| Error::usage(format!("{}: {error}", model.name)))?;
    keep(&cache, &folder, &seen.bytes())?;
    Ok(folder)
}

/// What goes in: what the set says, or inputs that are made up, where nothing could turn sentences into ids anyway.
fn passes(
    folder: &ModelFolder,
    info: &ModelInfo,
    scenario: &Scenario,
    set: &CalibrationSet,
) -> Result<Vec<Tensors>, Error> {
    let media = folder.media();
    let reads_only = media == [Medium::Text];
    let has_tokenizer = folder.path().is_some_and(|path| path.join("tokenizer.json").exists());
    if folder.path().is_none() || media.is_empty() || (reads_only && !has_tokenizer) {
        let (tokens, _) = prompt_length(folder, scenario.tokens, scenario.decode);
        let count = set.texts.len().clamp(1, MADE_UP);
        return Ok((SEED..).take(count).map(|seed| made_up_inputs(info, tokens, reads_only, seed)).collect());
    }
    let passes = set.passes(folder.model_type(), media, scenario)?;
    passes.iter().map(|sources| Ok(inputs_for(folder, folder.model_type(), sources)?.tensors)).collect()
}

/// The hash of everything that decides what is seen.
fn identity(located: &Located, scenario: &Scenario, set: &[String], read: &CalibrationSet) -> Result<String, Error> {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {PRESETS} {} {} {set:?} {:?}", scenario.tokens, scenario.decode, read.texts));
    match located {
        Located::Synthetic(source) => hash.update(format!("{source:?}")),
        Located::Folder(folder) => files(&mut hash, folder)?,
    }
    let scene = [&scenario.image, &scenario.audio].into_iter().flatten();
    for file in read.images.iter().chain(&read.sounds).chain(scene) {
        content(&mut hash, file)?;
    }
    if let Some(video) = &scenario.video {
        files(&mut hash, video)?;
    }
    Ok(hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect())
}

/// Adds the names and contents of a folder's files.
fn files(hash: &mut Sha256, folder: &Path) -> Result<(), Error> {
    let unreadable = |error: io::Error| Error::usage(format!("cannot read {}", folder.display())).because(error);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
    paths.sort();
    for file in paths.iter().filter(|path| path.is_file()) {
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        content(hash, file)?;
    }
    Ok(())
}

fn content(hash: &mut Sha256, file: &Path) -> Result<(), Error> {
    let unreadable = |error: io::Error| Error::usage(format!("cannot read {}", file.display())).because(error);
    hash.update(sha256(file).map_err(unreadable)?);
    Ok(())
}

/// Writes the file as a whole or not at all.
fn keep(cache: &Path, folder: &Path, bytes: &[u8]) -> Result<(), Error> {
    let unwritable = |error: io::Error| {
        Error::environment(format!("cannot write to the cache folder {}: {error}", cache.display()))
            .hint("make room, or set MATRIX_CACHE to a folder that can be written")
    };
    fs::create_dir_all(cache).map_err(unwritable)?;
    let work = tempfile::tempdir_in(cache).map_err(unwritable)?;
    let unfinished = work.path().join("importance");
    fs::create_dir(&unfinished).map_err(unwritable)?;
    fs::write(unfinished.join(FILE), bytes).map_err(unwritable)?;
    match fs::rename(&unfinished, folder) {
        // Another process may have been faster.
        Err(_) if folder.join(FILE).exists() => Ok(()),
        done => done.map_err(unwritable),
    }
}
