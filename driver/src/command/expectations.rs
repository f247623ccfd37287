//! `matrix expectations`: known outcomes against what happened.

use super::{print, report};
use crate::cli::{ExpectationsAction, ExpectationsArgs, ExpectationsOf, Global};
use crate::compare::{Standing, standing, updated};
use crate::error::{Error, ExitCode};
use crate::printable::printable;
use crate::run::event::Status;
use crate::spec::Known;
use crate::store::{Access, Store};

/// Checks or rewrites.
pub(crate) fn run(global: &Global, args: &ExpectationsArgs) -> Result<ExitCode, Error> {
    match &args.action {
        ExpectationsAction::Check(of) => check(global, of),
        ExpectationsAction::Update(of) => update(global, of),
    }
}

fn known(of: &ExpectationsOf, may_be_missing: bool) -> Result<Vec<Known>, Error> {
    if may_be_missing && !of.file.exists() { Ok(Vec::new()) } else { Known::read_file(&of.file) }
}

fn check(global: &Global, of: &ExpectationsOf) -> Result<ExitCode, Error> {
    let known = known(of, false)?;
    let store = Store::open(&global.db, Access::Read)?;
    let run = store.run(Some(&of.run))?.info.id;
    let environments = store.environments(&run)?;
    let (mut as_known, mut failed, mut passed) = (0, 0, 0);
    for row in store.cells(&run)? {
        let environment = row.environment.as_ref().and_then(|id| environments.get(id));
        let standing = standing(&known, &row.cell, row.status, environment);
        match &standing {
            Standing::Works | Standing::NotRun => {}
            Standing::Expected(_) | Standing::Intermittent(_) => as_known += 1,
            Standing::UnexpectedPass(_) => passed += 1,
            Standing::Unexpected => {
                failed += 1;
                let cell = &row.cell;
                let status = row.status.map_or("", Status::name);
                print(&format!(
                    "{}: {status}, which nobody expects: {}",
                    printable(&cell.title()),
                    printable(&row.reason)
                ));
            }
        }
        if let Some(remark) = standing.remark(&row.cell) {
            print(&remark);
        }
    }
    print(&format!(
        "{}: {failed} unexpected failures, {passed} unexpected passes, {as_known} as is known of them",
        of.file.display()
    ));
    Ok(if failed > 0 { ExitCode::Failed } else { ExitCode::Ok })
}

fn update(global: &Global, of: &ExpectationsOf) -> Result<ExitCode, Error> {
    let before = known(of, true)?;
    let store = Store::open(&global.db, Access::Read)?;
    let run = store.run(Some(&of.run))?.info.id;
    let after = updated(&before, &store.cells(&run)?, &store.environments(&run)?);
    let gone = before.iter().filter(|entry| !after.contains(entry)).count();
    let new = after.iter().filter(|entry| !before.contains(entry)).count();
    if gone + new > 0 {
        report::write(&of.file, &(head(of) + &after.iter().map(Known::to_yaml).collect::<String>()))?;
    }
    print(&format!("{}: {} expectations, {new} new, {gone} gone", of.file.display(), after.len()));
    Ok(ExitCode::Ok)
}

/// The comment that a file begins with stays.
fn head(of: &ExpectationsOf) -> String {
    let text = std::fs::read_to_string(&of.file).unwrap_or_default();
    let lines = text.lines().take_while(|line| line.starts_with('#') || line.trim().is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}
