//! `matrix query`: the store in SQL.

use std::time::Duration;

use super::print;
use crate::cli::{Global, QueryArgs};
use crate::error::{Error, ExitCode};
use crate::report::render_rows;
use crate::store::query;

/// A query that takes longer multiplies tables by mistake.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks and prints.
pub(crate) fn run(global: &Global, args: &QueryArgs) -> Result<ExitCode, Error> {
    let rows = query(&global.db, &args.sql, LIMIT)?;
    print(&render_rows(&rows, args.format, global.look()));
    Ok(ExitCode::Ok)
}
