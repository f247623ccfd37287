//! `matrix gate`: has something got worse?

use std::io::Write as _;

use super::compare::{arm, exit_code, judge};
use super::print;
use crate::cli::{GateArgs, Global};
use crate::compare::{Comparison, Judge, Side};
use crate::error::{Error, ExitCode};
use crate::measure::Change;
use crate::report::{RowsFormat, annotations, render_comparison};
use crate::run::event::Arm;
use crate::spec::{FailOn, Gate, Known, LAST_GREEN};

/// Compares a run with the one it is held against.
pub(crate) fn run(global: &Global, args: &GateArgs) -> Result<ExitCode, Error> {
    let judge = judge(&args.judge)?;
    let after = Side::open(&global.db, &args.run)?;
    let before = Side::open_before(&global.db, &args.against, &after.run)?;
    not_itself(&before, &after)?;
    let comparison = judge.compare(&before, &after, arm(args.judge.arm))?;
    print(&render_comparison(&comparison, args.judge.format, global.look(), args.judge.all));
    if args.github || in_github_actions() {
        announce(global, &comparison)?;
    }
    let change = match comparison.change {
        Change::Inconclusive if args.allow_inconclusive => Change::Unchanged,
        change => change,
    };
    Ok(exit_code(change))
}

/// Holds a run that is just over against the one its matrix names.
pub(super) fn conclude(global: &Global, gate: &Gate, known: Vec<Known>, id: &str) -> Result<ExitCode, Error> {
    let after = Side::open(&global.db, id)?;
    let before = match Side::open_before(&global.db, &gate.against, &after.run) {
        // The first run of a matrix has nothing before it.
        Err(error) if gate.against == LAST_GREEN && error.exit_code() == ExitCode::Inconclusive => {
            eprintln!("gate: {}", error.one_line());
            return Ok(if gate.fail_on == FailOn::Inconclusive { ExitCode::Inconclusive } else { ExitCode::Ok });
        }
        before => before?,
    };
    not_itself(&before, &after)?;
    let judge = Judge {
        thresholds: gate.thresholds.clone(),
        threshold: gate.threshold,
        across: gate.across.clone(),
        metrics: gate.metrics.clone(),
        known,
    };
    let comparison = judge.compare(&before, &after, Arm::Treatment)?;
    print(&render_comparison(&comparison, RowsFormat::Table, global.look(), false));
    if in_github_actions() {
        announce(global, &comparison)?;
    }
    Ok(match (exit_code(comparison.change), gate.fail_on) {
        (ExitCode::Inconclusive | ExitCode::Incomparable, FailOn::Regression) => ExitCode::Ok,
        (code, _) => code,
    })
}

fn not_itself(before: &Side, after: &Side) -> Result<(), Error> {
    if before.run.info.id != after.run.info.id {
        return Ok(());
    }
    Err(Error::usage(format!("run {} cannot be held against itself", after.run.info.id))
        .hint("`matrix compare` shows what the optimizations of one run do"))
}

/// Tells GitHub.
fn announce(global: &Global, comparison: &Comparison) -> Result<(), Error> {
    // Annotations are commands that the runner reads from either stream; data stays alone on standard output.
    eprint!("{}", annotations(comparison));
    summarize(&render_comparison(comparison, RowsFormat::Markdown, global.look(), false))
}

fn in_github_actions() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Adds to the summary of the step, where there is one.
fn summarize(text: &str) -> Result<(), Error> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return Ok(()) };
    let appended = std::fs::OpenOptions::new().create(true).append(true).open(&file);
    appended
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|cause| Error::environment("cannot write the summary of the step").because(cause))
}
