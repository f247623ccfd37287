//! stub
use std::path::Path;
use crate::cli::*; use crate::error::*; use crate::store::*;
pub(crate) fn run(_g: &Global, _a: &ReportArgs) -> Result<ExitCode, Error> { Ok(ExitCode::Ok) }
pub(super) fn table(_s: &Store, _r: &RunRow) -> Result<String, Error> { Ok("table".into()) }
pub(super) fn write_html(_s: &Store, _r: &RunRow, _t: Option<&Path>, _f: &Path) -> Result<(), Error> { Ok(()) }
