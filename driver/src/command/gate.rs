//! `matrix gate`: has something got worse?

use std::io::Write as _;

use super::compare::{arm, exit_code, judge};
use super::print;
use crate::cli::{GateArgs, Global};
use crate::compare::Side;
use crate::error::{Error, ExitCode};
use crate::measure::Change;
use crate::report::{RowsFormat, annotations, render_comparison};

/// Compares a run with the one it is held against.
pub(crate) fn run(global: &Global, args: &GateArgs) -> Result<ExitCode, Error> {
    let judge = judge(&args.judge)?;
    let after = Side::open(&global.db, &args.run)?;
    let before = Side::open_before(&global.db, &args.against, &after.run)?;
    if before.run.info.id == after.run.info.id {
        return Err(Error::usage(format!("run {} cannot be held against itself", after.run.info.id))
            .hint("`matrix compare` shows what the optimizations of one run do"));
    }
    let comparison = judge.compare(&before, &after, arm(args.judge.arm))?;
    print(&render_comparison(&comparison, args.judge.format, global.look(), args.judge.all));
    if args.github || std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        // Annotations are commands that the runner reads from either stream; data stays alone on standard output.
        eprint!("{}", annotations(&comparison));
        summarize(&render_comparison(&comparison, RowsFormat::Markdown, global.look(), false))?;
    }
    let change = match comparison.change {
        Change::Inconclusive if args.allow_inconclusive => Change::Unchanged,
        change => change,
    };
    Ok(exit_code(change))
}

/// Adds to the summary of the step, where there is one.
fn summarize(text: &str) -> Result<(), Error> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return Ok(()) };
    let appended = std::fs::OpenOptions::new().create(true).append(true).open(&file);
    appended
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|cause| Error::environment("cannot write the summary of the step").because(cause))
}
