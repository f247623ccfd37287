//! `matrix schema`: what editors need to complete and check matrix files.

use crate::error::{Error, ExitCode};
use crate::spec::schema;

/// Prints the schema.
pub(crate) fn run() -> Result<ExitCode, Error> {
    super::print(&format!("{:#}", schema()));
    Ok(ExitCode::Ok)
}
