//! A run as JUnit XML, in the dialect that knows reruns (Maven Surefire's, which Jenkins, GitLab and nextest use).

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::cell::CellView;
use super::view::View;
use crate::error::{Error, Result};

/// Renders a run: a suite for each browser and platform, a case for each cell. Every failed attempt before a success is
/// a `flakyFailure`, every one before the last failure a `rerunFailure`.
pub(super) fn render(view: &View) -> Result<String> {
    let mut report = Report::new(format!("matrix: {}", view.run.name));
    let mut suites: BTreeMap<(usize, String), TestSuite> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for cell in &view.cells {
        let name = format!("{} {}", cell.browser, cell.platform);
        let at = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
        let suite = suites.entry((at, name.clone())).or_insert_with(|| TestSuite::new(name.as_str()));
        suite.add_test_case(case(cell));
    }
    report.add_test_suites(suites.into_values());
    report.to_string().map_err(|cause| Error::internal("a report is no XML").because(cause))
}

fn case(cell: &CellView) -> TestCase {
    let name = format!("{} {} {}", cell.model, cell.optimization, cell.key);
    let mut case = TestCase::new(name.as_str(), status(cell));
    case.set_classname(format!("{}.{}", cell.browser, cell.platform));
    let numbers = cell.effects.iter().filter(|effect| effect.is_main).map(|effect| {
        let (shown, title) = (&effect.shown, &effect.title);
        let interval = if shown.interval.is_empty() { String::new() } else { format!(", {}", shown.interval) };
        format!("{title}: {} → {} ({}{interval})", shown.baseline, shown.treatment, shown.improvement)
    });
    let lines: Vec<String> = numbers.chain(cell.logs.iter().map(|(level, text)| format!("{level}: {text}"))).collect();
    if !lines.is_empty() {
        case.set_system_out(lines.join("\n"));
    }
    case
}

fn status(cell: &CellView) -> TestCaseStatus {
    let failed = |outcome: &str| matches!(outcome, "fail" | "timeout" | "crash");
    let kind = |outcome: &str| if outcome == "fail" { NonSuccessKind::Failure } else { NonSuccessKind::Error };
    // The last attempt is the case itself.
    let earlier = &cell.attempts[..cell.attempts.len().saturating_sub(1)];
    let reruns = earlier.iter().filter(|attempt| failed(&attempt.outcome)).map(|attempt| {
        let mut rerun = TestRerun::new(kind(&attempt.outcome));
        rerun.set_message(attempt.reason.as_str()).set_type(attempt.outcome.as_str());
        rerun
    });
    match cell.status.as_str() {
        "pass" | "flaky" => {
            let mut status = TestCaseStatus::success();
            reruns.for_each(|rerun| {
                status.add_rerun(rerun);
            });
            status
        }
        outcome if failed(outcome) => {
            let mut status = TestCaseStatus::non_success(kind(outcome));
            status.set_message(cell.reason.as_str()).set_type(outcome);
            reruns.for_each(|rerun| {
                status.add_rerun(rerun);
            });
            status
        }
        other => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("{other}: {}", cell.reason));
            status
        }
    }
}
