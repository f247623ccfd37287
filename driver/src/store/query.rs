//! SQL that users write.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;

use super::database::{Access, Store};
use crate::error::{Error, Result};

/// A value of a result. What a browser said may be in it: untrusted.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes; only their number is kept.
    Blob(usize),
}

/// A result.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

/// Most rows of a result; more would not fit into memory when a query multiplies tables by mistake.
const MAX_ROWS: usize = 1_000_000;

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: std::os::raw::c_int = 10_000;

/// Runs one read-only statement on the store at `path`, for at most `limit`.
///
/// # Errors
/// When the store cannot be opened, the statement is wrong, would write, or takes too long.
pub fn query(path: &Path, sql: &str, limit: Duration) -> Result<Rows> {
    if sql.trim().is_empty() {
        return Err(Error::usage("the query is empty").hint("SELECT * FROM webgpu_optimizations LIMIT 10"));
    }
    let store = Store::open(path, Access::Read)?;
    let end = Instant::now() + limit;
    let handler = Some(move || Instant::now() >= end);
    store.connection.progress_handler(STEPS, handler).map_err(|cause| store.failed("query", cause))?;
    rows(&store, sql).map_err(|cause| refuse(sql, limit, &cause))
}

fn rows(store: &Store, sql: &str) -> rusqlite::Result<Rows> {
    let mut statement = store.connection.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(String::from).collect();
    let width = columns.len();
    let mut found = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if found.len() == MAX_ROWS {
            return Err(rusqlite::Error::InvalidParameterName(format!(
                "the result has more than {MAX_ROWS} rows; add LIMIT"
            )));
        }
        found.push((0..width).map(|i| row.get_ref(i).map(value)).collect::<rusqlite::Result<_>>()?);
    }
    Ok(Rows { columns, rows: found })
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.len()),
    }
}

/// What an error in a user's statement means.
fn refuse(sql: &str, limit: Duration, cause: &rusqlite::Error) -> Error {
    let tables = "tables: run, environment, cell, attempt, sample, effect, artifact, event; \
        views: webgpu_optimizations, compat";
    let message = match cause {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::InvalidParameterName(message) => message.clone(),
        rusqlite::Error::MultipleStatement => "one statement at a time".into(),
        other => other.to_string(),
    };
    match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => {
            Error::usage(format!("the query took longer than {} s", limit.as_secs_f64()))
                .hint("add LIMIT, or join on fewer rows")
        }
        Some(rusqlite::ErrorCode::ReadOnly) => {
            Error::usage("queries only read; this one would write").note(format!("SQLite says: {message}"))
        }
        _ => {
            let error = Error::usage(format!("SQLite says: {message}"));
            let error = match cause {
                rusqlite::Error::SqlInputError { offset, .. } => mark(error, sql, *offset),
                _ => error.note(sql.trim()),
            };
            if message.starts_with("no such table") { error.note(tables) } else { error }
        }
    }
}

/// Shows the place SQLite names.
fn mark(error: Error, sql: &str, offset: i32) -> Error {
    let start = usize::try_from(offset).unwrap_or(0).min(sql.len());
    let Some(rest) = sql.get(start..).filter(|rest| !rest.is_empty()) else { return error.note(sql.trim()) };
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let length = if word == 0 { rest.chars().next().map_or(1, char::len_utf8) } else { word };
    error.excerpt(crate::error::Excerpt {
        file: "query".into(),
        first_line: 1,
        text: sql.into(),
        span: start..start + length,
        label: String::new(),
    })
}
