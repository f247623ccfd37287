//! Opening the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rusqlite_migration::{Error as MigrationError, M, Migrations};

use crate::error::{Error, Result};

/// Numbered, append-only.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("schema/0001.sql")),
    M::up(include_str!("schema/0002.sql")),
    M::up(include_str!("schema/0003.sql")),
    M::up(include_str!("schema/0004.sql")),
];

/// Marks a SQLite file as ours: `mtrx`.
const APPLICATION_ID: i64 = 0x6d74_7278;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To record; the file is made when it is not there.
    Write,
    /// To read; the file must be there, and changes only when an earlier version wrote it.
    Read,
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// When it cannot be opened, is no store, or was written by a newer version of this program.
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        let connection = match access {
            Access::Write => open_to_write(path),
            Access::Read => open_to_read(path),
        }?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What an error of SQLite means for a user.
    pub(super) fn failed(&self, doing: &str, cause: rusqlite::Error) -> Error {
        explain(&self.path, doing, cause)
    }
}

fn open_to_write(path: &Path) -> Result<Connection> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|cause| {
            Error::environment(format!("cannot make the folder {}", folder.display())).because(cause)
        })?;
    }
    let failed = |cause| explain(path, "open", cause);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    check_owner(&connection, path)?;
    // With WAL a killed process loses nothing that was committed; only a power cut may lose the last commits.
    connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "normal").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    Migrations::from_slice(MIGRATIONS).to_latest(&mut connection).map_err(|error| match error {
        MigrationError::RusqliteError { err, .. } => explain(path, "prepare", err),
        MigrationError::MigrationDefinition(_) => newer(path),
        other => Error::internal(format!("cannot prepare {}", path.display())).because(other),
    })?;
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    Ok(connection)
}

fn open_to_read(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::environment(format!("there are no results at {}", path.display()))
            .hint("`matrix run` makes them; `--db` names another file"));
    }
    let failed = |cause| explain(path, "open", cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    check_owner(&connection, path)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    let version = number(&connection, "user_version").map_err(failed)?;
    match usize::try_from(version) {
        Ok(0) => Err(foreign(path)),
        Ok(version) if version > MIGRATIONS.len() => Err(newer(path)),
        Ok(version) if version < MIGRATIONS.len() => migrated(path),
        _ => Ok(connection),
    }
}

/// A store of an earlier version is brought up to date, which needs to write; then it is only read.
fn migrated(path: &Path) -> Result<Connection> {
    drop(open_to_write(path)?);
    open_to_read(path)
}

/// Refuses a database of another program, which our tables would spoil.
fn check_owner(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |cause| explain(path, "open", cause);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let owner = number(connection, "application_id").map_err(failed)?;
    if tables > 0 && owner != APPLICATION_ID { Err(foreign(path)) } else { Ok(()) }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

fn foreign(path: &Path) -> Error {
    Error::environment(format!("{} is a database, but not one of matrix", path.display()))
        .hint("name another file with `--db`")
}

fn newer(path: &Path) -> Error {
    Error::environment(format!("{} was written by a newer version of matrix", path.display()))
        .hint("use that version, or name another file with `--db`")
}

pub(super) fn explain(path: &Path, doing: &str, cause: rusqlite::Error) -> Error {
    let hint = match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "the file is not a database; name another with `--db`",
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the file and its folder must be writable; name another file with `--db`"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is writing to it; wait until it is done"
        }
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::DatabaseCorrupt) => "the file is damaged; keep it aside and name another with `--db`",
        _ => return Error::environment(format!("cannot {doing} {}", path.display())).because(cause),
    };
    Error::environment(format!("cannot {doing} {}", path.display())).because(cause).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(result: Result<Store>) -> String {
        result.expect_err("must not open").render(false)
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.db");
        std::fs::write(&path, "these are notes, long enough to be looked at by a database".repeat(20)).expect("writes");
        assert!(text_of(Store::open(&path, Access::Write)).contains("not a database"));
        assert!(text_of(Store::open(&path, Access::Read)).contains("not a database"));
    }

    #[test]
    fn the_database_of_another_program_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("other.db");
        let other = Connection::open(&path).expect("opens");
        other.execute_batch("CREATE TABLE bookmarks (url TEXT)").expect("creates");
        assert!(text_of(Store::open(&path, Access::Write)).contains("not one of matrix"));
        let tables: i64 = other.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("counts");
        assert_eq!(tables, 1);
    }

    #[test]
    fn a_newer_store_is_refused_both_ways() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("matrix.db");
        let store = Store::open(&path, Access::Write).expect("opens");
        store.connection.pragma_update(None, "user_version", 99).expect("sets");
        drop(store);
        assert!(text_of(Store::open(&path, Access::Write)).contains("newer version"));
        assert!(text_of(Store::open(&path, Access::Read)).contains("newer version"));
    }

    #[test]
    fn reading_needs_a_file_and_writing_makes_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/matrix.db");
        assert!(text_of(Store::open(&path, Access::Read)).contains("there are no results"));
        Store::open(&path, Access::Write).expect("makes folder and file");
        let store = Store::open(&path, Access::Read).expect("opens");
        assert!(store.connection.execute("DELETE FROM run", []).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = text_of(Store::open(&file.path().join("matrix.db"), Access::Write));
        assert!(text.contains("cannot make the folder"), "{text}");
    }
}
