//! What a run is called on the command line: an id, `latest`, `last-green`, or another store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::standing::failed;
use crate::error::{Error, Result};
use crate::run::environment::Environment;
use crate::run::event::{RunStatus, Status};
use crate::store::{Access, CellRow, RunRow, Store};

/// A run with the store it is in.
#[derive(Debug)]
pub struct Side {
    /// The store.
    pub store: Store,
    /// The run.
    pub run: RunRow,
}

impl Side {
    /// The run that `text` names: an id or the start of one, `latest`, `FILE.db` for the newest run of another store, or
    /// `FILE.db:RUN`.
    ///
    /// # Errors
    /// When there is no such store or run.
    pub fn open(db: &Path, text: &str) -> Result<Self> {
        let (path, run) = place(db, text);
        let store = Store::open(&path, Access::Read)?;
        let run = store.run(Some(run))?;
        Ok(Self { store, run })
    }

    /// The same, and `last-green` for the newest run of the same matrix before `than` in which nothing failed but
    /// what its matrix expected to.
    ///
    /// # Errors
    /// When there is no such store or run.
    pub fn open_before(db: &Path, text: &str, than: &RunRow) -> Result<Self> {
        let (path, run) = place(db, text);
        if run != "last-green" {
            return Self::open(db, text);
        }
        let store = Store::open(&path, Access::Read)?;
        let mut passed_over = 0;
        for run in store.runs()? {
            let is_earlier = run.info.started_at < than.info.started_at && run.info.id != than.info.id;
            if !is_earlier || run.info.name != than.info.name || run.status != RunStatus::Finished {
                continue;
            }
            let cells = store.cells(&run.info.id)?;
            let works = |cell: &CellRow| cell.status.is_some_and(Status::is_success);
            if cells.iter().any(works) && !cells.iter().any(|cell| failed(&[], cell, None)) {
                return Ok(Self { store, run });
            }
            passed_over += 1;
        }
        let name = &than.info.name;
        let error = Error::inconclusive(format!("no earlier run of `{name}` is green in {}", path.display()));
        let error = if passed_over > 0 { error.note(format!("{passed_over} have cells that failed")) } else { error };
        Err(error.hint("name a run or a store to compare with: `--against RUN`, `--against FILE.db`"))
    }

    /// Its cells, in order.
    pub(super) fn cells(&self) -> Result<Vec<CellRow>> {
        self.store.cells(&self.run.info.id)
    }

    /// Where they ran, by fingerprint.
    pub(super) fn environments(&self) -> Result<BTreeMap<String, Environment>> {
        self.store.environments(&self.run.info.id)
    }
}

/// The store and the run that a text means.
fn place<'a>(db: &Path, text: &'a str) -> (PathBuf, &'a str) {
    let is_store = |text: &str| text.ends_with(".db") || Path::new(text).is_file();
    if is_store(text) {
        return (text.into(), "latest");
    }
    match text.rsplit_once(':') {
        Some((file, run)) if is_store(file) => (file.into(), if run.is_empty() { "latest" } else { run }),
        _ => (db.to_owned(), text),
    }
}
