//! `matrix compare`: what changed from one run to another, or from one arm of a run to the other.

use super::print;
use crate::cli::{ArmWord, CompareArgs, Global, JudgeArgs};
use crate::compare::{Judge, Side};
use crate::error::{Error, ExitCode};
use crate::measure::Change;
use crate::report::render_comparison;
use crate::run::event::Arm;
use crate::spec::{Known, Percent, compared};

/// Compares and prints.
pub(crate) fn run(global: &Global, args: &CompareArgs) -> Result<ExitCode, Error> {
    let judge = judge(&args.judge)?;
    let after = Side::open(&global.db, &args.after)?;
    let before = Side::open_before(&global.db, &args.before, &after.run)?;
    let is_same = before.run.info.id == after.run.info.id && before.store.path() == after.store.path();
    let comparison =
        if is_same { judge.compare_arms(&after)? } else { judge.compare(&before, &after, arm(args.judge.arm))? };
    print(&render_comparison(&comparison, args.judge.format, global.look(), args.judge.all));
    Ok(exit_code(comparison.change))
}

pub(super) fn arm(word: ArmWord) -> Arm {
    match word {
        ArmWord::Baseline => Arm::Baseline,
        ArmWord::Treatment => Arm::Treatment,
    }
}

/// What the flags say about judging.
pub(super) fn judge(args: &JudgeArgs) -> Result<Judge, Error> {
    let mut judge = Judge { across: args.across.clone(), metrics: args.metric.clone(), ..Judge::default() };
    judge.metrics.iter().try_for_each(|name| compared(name))?;
    for text in &args.threshold {
        let (name, percent) = text.split_once('=').map_or((None, text.as_str()), |(name, it)| (Some(name.trim()), it));
        let percent: Percent = percent.trim().parse().map_err(|message: String| {
            Error::usage(format!("`--threshold {text}`: {message}")).hint("write `5%` or `infer_time=5%`")
        })?;
        if percent.0 < 0.0 {
            return Err(Error::usage(format!("`--threshold {text}`: a loss that is allowed cannot be negative")));
        }
        match name {
            None => judge.threshold = Some(100.0 * percent.0),
            Some(name) => {
                compared(name)?;
                judge.thresholds.insert(name.to_owned(), 100.0 * percent.0);
            }
        }
    }
    if let Some(file) = &args.expectations {
        judge.known = Known::read_file(file)?;
    }
    Ok(judge)
}

pub(super) fn exit_code(change: Change) -> ExitCode {
    match change {
        Change::Regressed => ExitCode::Failed,
        Change::Improved | Change::Unchanged => ExitCode::Ok,
        Change::Incomparable => ExitCode::Incomparable,
        Change::Inconclusive | Change::Unjudged => ExitCode::Inconclusive,
    }
}
