//! `matrix history`: an effect from run to run.

use super::print;
use crate::cli::{Global, HistoryArgs};
use crate::compare::History;
use crate::error::{Error, ExitCode};
use crate::report::render_history;
use crate::store::{Access, Store};

/// Reads and prints.
pub(crate) fn run(global: &Global, args: &HistoryArgs) -> Result<ExitCode, Error> {
    let store = Store::open(&global.db, Access::Read)?;
    let histories = History::read(&store, &args.model, &args.optimization, &args.metric)?;
    print(&render_history(&histories, args.format, global.look()));
    Ok(ExitCode::Ok)
}
