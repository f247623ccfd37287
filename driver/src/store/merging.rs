//! Copies runs of other stores into one run of this one.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::database::{Access, Store, explain};
use super::derive;
use super::read::RunRow;
use crate::error::{Error, Result};

/// A run that is being put together. Nothing is written unless [`Merging::finish`] is reached.
#[derive(Debug)]
pub struct Merging {
    store: Store,
    path: PathBuf,
    run: String,
    doubled: usize,
}

/// How far a cell got, for cells that several parts have: measured beats failed beats not run.
const RANK: &str = "CASE status WHEN 'pass' THEN 4 WHEN 'flaky' THEN 3 WHEN 'unavailable' THEN 1 WHEN 'skipped' THEN 1
    ELSE status IS NOT NULL AND 2 END";

impl Merging {
    /// Opens the store at `path` to make a run like `model` in it.
    ///
    /// # Errors
    /// When it cannot be written, or has such a run already.
    pub fn into(path: &Path, model: &RunRow) -> Result<Self> {
        let store = Store::open(path, Access::Write)?;
        let run = format!("{}-merged", model.info.id);
        if store.runs()?.iter().any(|other| other.info.id == run) {
            return Err(Error::usage(format!("{} already has the run {run}", path.display()))
                .hint("name another file with `--into`"));
        }
        let merging = Self { store, path: path.to_owned(), run, doubled: 0 };
        let begun = merging.store.connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            merging.store.connection.execute(
                "INSERT INTO run (id, name, started_at, matrix_hash, engine_hash, status) VALUES (?, ?, ?, ?, ?, 'finished')",
                params![merging.run, model.info.name, model.info.started_at, model.info.matrix_hash, model.info.engine_hash],
            )
        });
        begun.map_err(|cause| explain(path, "write to", cause))?;
        Ok(merging)
    }

    /// Copies a run of the store at `path`: cells, attempts, samples, evidence and events.
    ///
    /// # Errors
    /// When it cannot be read, or this store not written.
    pub fn add(&mut self, path: &Path, run: &str) -> Result<()> {
        let part = Store::open(path, Access::Read)?;
        let copied = copy(&part.connection, &self.store.connection, run, &self.run);
        self.doubled += copied.map_err(|cause| explain(&self.path, "write to", cause))?;
        Ok(())
    }

    /// Computes the effects of the whole, and ends. Gives the run's id and the number of cells that several parts had.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn finish(self) -> Result<(String, usize)> {
        let connection = &self.store.connection;
        let finished = || -> rusqlite::Result<()> {
            let cells: Vec<i64> = connection
                .prepare("SELECT id FROM cell WHERE run_id = ? ORDER BY id")?
                .query_map([&self.run], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for cell in cells {
                derive::effects_of(connection, cell)?;
            }
            derive::adjust_effects_of(connection, &self.run)?;
            connection.execute_batch("COMMIT")
        };
        finished().map_err(|cause| explain(&self.path, "write to", cause))?;
        Ok((self.run, self.doubled))
    }
}

/// Copies one run. Ids of rows are given anew; keys of cells, hashes and fingerprints stay.
fn copy(from: &Connection, to: &Connection, run: &str, into: &str) -> rusqlite::Result<usize> {
    copy_rows(
        from,
        to,
        "environment",
        "id IN (SELECT environment_id FROM cell WHERE run_id = ?1
        UNION SELECT attempt.environment_id FROM attempt JOIN cell ON cell.id = cell_id WHERE run_id = ?1)",
        run,
        &[("run_id", into.to_owned().into())],
    )?;
    let mut doubled = 0;
    let cells: Vec<(i64, String, i64)> = from
        .prepare(&format!("SELECT id, key, {RANK} FROM cell WHERE run_id = ? ORDER BY position, id"))?
        .query_map([run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let known = format!("SELECT id, {RANK} FROM cell WHERE run_id = ? AND key = ?");
    for (cell, key, rank) in cells {
        let existing: Option<(i64, i64)> = to
            .prepare_cached(&known)?
            .query_map(params![into, key], |row| Ok((row.get(0)?, row.get(1)?)))?
            .next()
            .transpose()?;
        if let Some((existing, other)) = existing {
            doubled += 1;
            if other >= rank {
                continue;
            }
            remove(to, existing)?;
        }
        copy_cell(from, to, cell, into)?;
    }
    copy_rows(
        from,
        to,
        "event",
        "run_id = ?1",
        run,
        &[("seq", rusqlite::types::Value::Null), ("run_id", into.to_owned().into())],
    )?;
    Ok(doubled)
}

fn remove(to: &Connection, cell: i64) -> rusqlite::Result<()> {
    for table in ["sample", "operation", "attempt", "artifact", "effect"] {
        to.execute(&format!("DELETE FROM {table} WHERE cell_id = ?"), [cell])?;
    }
    to.execute("DELETE FROM cell WHERE id = ?", [cell])?;
    Ok(())
}

fn copy_cell(from: &Connection, to: &Connection, cell: i64, into: &str) -> rusqlite::Result<()> {
    use rusqlite::types::Value::Null;
    copy_rows(from, to, "cell", "id = ?1", cell, &[("id", Null), ("run_id", into.to_owned().into())])?;
    let new = to.last_insert_rowid();
    let attempts: Vec<i64> = from
        .prepare_cached("SELECT id FROM attempt WHERE cell_id = ? ORDER BY id")?
        .query_map([cell], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for attempt in attempts {
        copy_rows(from, to, "attempt", "id = ?1", attempt, &[("id", Null), ("cell_id", new.into())])?;
        let copied = to.last_insert_rowid();
        let anew = [("id", Null), ("cell_id", new.into()), ("attempt_id", copied.into())];
        copy_rows(from, to, "sample", "attempt_id = ?1", attempt, &anew)?;
        copy_rows(from, to, "operation", "attempt_id = ?1", attempt, &anew[1..])?;
    }
    copy_rows(from, to, "blob", "hash IN (SELECT hash FROM artifact WHERE cell_id = ?1)", cell, &[])?;
    copy_rows(from, to, "artifact", "cell_id = ?1", cell, &[("cell_id", new.into())])?;
    Ok(())
}

/// Copies the rows of a table that meet a condition, with other values in some columns. Rows that are there already
/// (blobs, environments) stay as they are.
fn copy_rows(
    from: &Connection,
    to: &Connection,
    table: &str,
    condition: &str,
    parameter: impl rusqlite::ToSql,
    anew: &[(&str, rusqlite::types::Value)],
) -> rusqlite::Result<()> {
    let mut select = from.prepare_cached(&format!("SELECT * FROM {table} WHERE {condition} ORDER BY rowid"))?;
    let columns: Vec<String> = select.column_names().into_iter().map(String::from).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let sql = format!("INSERT INTO {table} ({}) VALUES ({marks}) ON CONFLICT DO NOTHING", columns.join(", "));
    let mut insert = to.prepare_cached(&sql)?;
    let mut rows = select.query([parameter])?;
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns.len());
        for (i, column) in columns.iter().enumerate() {
            let other = anew.iter().find(|(name, _)| name == column).map(|(_, value)| value.clone());
            values.push(other.map_or_else(|| row.get::<_, rusqlite::types::Value>(i), Ok)?);
        }
        insert.execute(rusqlite::params_from_iter(values))?;
    }
    Ok(())
}
