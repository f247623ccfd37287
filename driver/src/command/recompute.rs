//! `matrix recompute`: effects from raw samples, again.

use super::print;
use crate::cli::{Global, RecomputeArgs};
use crate::error::{Error, ExitCode};
use crate::store::{Access, Store};

/// Computes the effects of one run, or of all, and says what changed.
pub(crate) fn run(global: &Global, args: &RecomputeArgs) -> Result<ExitCode, Error> {
    // Opening for writing would make a store where there is none.
    let runs = {
        let store = Store::open(&global.db, Access::Read)?;
        if args.all { store.runs()? } else { vec![store.run(Some(&args.run))?] }
    };
    let mut store = Store::open(&global.db, Access::Write)?;
    for run in runs {
        let done = store.recompute(&run.info.id)?;
        print(&format!(
            "{}: {} effects of {} cells from {} samples, {} changed",
            run.info.id, done.effects, done.cells, done.samples, done.changed
        ));
    }
    Ok(ExitCode::Ok)
}
