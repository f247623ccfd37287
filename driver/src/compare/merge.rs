//! Several stores into one: what the machines of a sharded run measured becomes one run.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::run::event::Status;
use crate::store::{Access, Merging, RunRow, Store};

/// What merging came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The run that was made.
    pub run: String,
    /// Runs that went into it.
    pub runs: usize,
    /// Its cells, counted by status.
    pub cells: BTreeMap<&'static str, usize>,
    /// Cells that several parts had; the part that got further counts.
    pub doubled: usize,
    /// Whether any cell failed.
    pub failed: bool,
}

/// Merges one run of each store (the newest, or the one named) into a new run of the store at `into`.
///
/// # Errors
/// When a store cannot be read or written, or the runs are not of one matrix and one engine.
pub fn merge(parts: &[(&Path, Option<&str>)], into: &Path) -> Result<Merged> {
    let mut runs: Vec<(&Path, RunRow)> = Vec::new();
    for (path, run) in parts {
        let same = |a: &Path, b: &Path| {
            a == b || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
        };
        if same(path, into) {
            return Err(Error::usage(format!("{} cannot be merged into itself", path.display())));
        }
        runs.push((path, Store::open(path, Access::Read)?.run(*run)?));
    }
    let Some((first_path, first)) = runs.first() else { return Err(Error::usage("no stores are named")) };
    for (path, run) in &runs {
        let of = |what: &str, a: &str, b: &str| {
            Error::usage(format!("the runs are of different {what}"))
                .note(format!("{}: {}", first_path.display(), a))
                .note(format!("{}: {}", path.display(), b))
        };
        if run.info.matrix_hash != first.info.matrix_hash {
            return Err(of("matrices", &first.info.matrix_hash, &run.info.matrix_hash)
                .hint("parts of one matrix are made with `matrix run FILE --shard I/N`"));
        }
        if run.info.engine_hash != first.info.engine_hash {
            let error = of("engines", &first.info.engine_hash, &run.info.engine_hash);
            return Err(error.hint("build all parts from the same source"));
        }
    }
    let mut merging = Merging::into(into, first)?;
    for (path, run) in &runs {
        merging.add(path, &run.info.id)?;
    }
    let (run, doubled) = merging.finish()?;
    let store = Store::open(into, Access::Read)?;
    let mut cells = BTreeMap::new();
    let mut failed = false;
    for row in store.cells(&run)? {
        *cells.entry(row.status.map_or("not reached", Status::name)).or_insert(0) += 1;
        failed |= row.status.is_some_and(Status::is_failure);
    }
    Ok(Merged { run, runs: runs.len(), cells, doubled, failed })
}
