//! `matrix query`: the store in SQL.

use std::time::Duration;

use super::print;
use crate::cli::{Global, QueryArgs, QueryFormat};
use crate::error::{Error, ExitCode};
use crate::store::query;

/// A query that takes longer multiplies tables by mistake.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks and prints.
pub(crate) fn run(global: &Global, args: &QueryArgs) -> Result<ExitCode, Error> {
    let rows = query(&global.db, &args.sql, LIMIT)?;
    print(&match args.format {
        QueryFormat::Table => format!("{rows:?}"),
        QueryFormat::Json => format!("{rows:?}"),
        QueryFormat::Csv => format!("{rows:?}"),
    });
    Ok(ExitCode::Ok)
}
