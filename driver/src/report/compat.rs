//! The rules of the compatibility table: how cells become one entry.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use crate::measure::Effect;
use crate::plan::Cell;
use crate::run::event::Status;
use crate::spec::{Bytes, Goal, Limit, Percent};

/// An entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// Every cell that ran passed, with the effect that was expected.
    Full,
    /// It works, but not everywhere, not at once, or with less effect than expected.
    Limited,
    /// No cell that ran passed.
    None,
    /// No cell ran.
    NotRun,
}

impl Support {
    /// The word people read.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Limited => "Limited",
            Self::None => "None",
            Self::NotRun => "Not run",
        }
    }

    /// The word in JSON and in style sheets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Limited => "limited",
            Self::None => "none",
            Self::NotRun => "not_run",
        }
    }
}

impl Serialize for Support {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Whether an expectation was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// It was.
    Yes,
    /// It was not.
    No,
    /// The metric was not measured.
    Unknown,
}

/// A cell as the table sees it.
#[derive(Clone, Debug)]
pub(super) struct Judged<'a> {
    /// The planned cell.
    pub(super) cell: &'a Cell,
    /// How it ended, if it did.
    pub(super) status: Option<Status>,
    /// Why.
    pub(super) reason: &'a str,
    /// What was measured.
    pub(super) effects: &'a [(String, Effect)],
    /// What could not be had there, and what was done instead.
    pub(super) fallbacks: &'a [String],
}

/// How one cell counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    /// Works, with a reservation.
    Short,
    Bad,
    NotRun,
}

/// What is to be said of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remark {
    text: String,
    /// What was measured, where that is what the remark is about.
    measured: Option<String>,
}

impl From<String> for Remark {
    fn from(text: String) -> Self {
        Self { text, measured: None }
    }
}

/// The entry that cells make, and what its footnotes say.
pub(super) fn entry(cells: &[Judged<'_>]) -> (Support, Vec<String>) {
    let graded: Vec<(Grade, Vec<Remark>)> = cells.iter().map(grade).collect();
    let any = |wanted: Grade| graded.iter().any(|(grade, _)| *grade == wanted);
    let works = any(Grade::Good) || any(Grade::Short);
    let support = match (works, any(Grade::Short) || any(Grade::Bad)) {
        (true, false) => Support::Full,
        (true, true) => Support::Limited,
        (false, true) => Support::None,
        (false, false) => Support::NotRun,
    };
    let remarks = cells
        .iter()
        .zip(graded)
        .flat_map(|(judged, (_, remarks))| remarks.into_iter().map(|remark| (judged.cell.model.title(), remark)));
    let models: BTreeSet<String> = cells.iter().map(|judged| judged.cell.model.title()).collect();
    (support, together(remarks, models.len()))
}

/// A model, and what was measured of it.
type About = (String, Option<String>);

/// What is said of several models is said once, and of all of them without their names: `minilm, bert-tiny: …`.
fn together(remarks: impl Iterator<Item = (String, Remark)>, all: usize) -> Vec<String> {
    let mut said: Vec<(String, Vec<About>)> = Vec::new();
    for (model, Remark { text, measured }) in remarks {
        let about = (model, measured);
        match said.iter_mut().find(|(known, _)| *known == text) {
            Some((_, models)) if models.contains(&about) => {}
            Some((_, models)) => models.push(about),
            None => said.push((text, vec![about])),
        }
    }
    let note = |(text, models): (String, Vec<About>)| match models.as_slice() {
        [(model, Some(measured))] => format!("{model}: {text}, measured {measured}"),
        [(_, Some(_)), ..] => {
            let figures =
                models.iter().map(|(model, measured)| format!("{model} {}", measured.as_deref().unwrap_or("–")));
            format!("{text}, measured: {}", figures.collect::<Vec<_>>().join(", "))
        }
        _ if models.len() == all => text,
        _ => {
            let models: Vec<&str> = models.iter().map(|(model, _)| model.as_str()).collect();
            format!("{}: {text}", models.join(", "))
        }
    };
    said.into_iter().map(note).collect()
}

fn grade(judged: &Judged<'_>) -> (Grade, Vec<Remark>) {
    let because = if judged.reason.is_empty() { String::new() } else { format!(": {}", judged.reason) };
    let (grade, text) = match judged.status {
        None => (Grade::NotRun, Some("not reached".into())),
        Some(status @ (Status::Unavailable | Status::Skipped)) => {
            (Grade::NotRun, Some(format!("not run, {}{because}", status.name())))
        }
        Some(Status::Unsupported) => (Grade::Bad, Some(format!("unsupported{because}"))),
        Some(Status::Fail) => (Grade::Bad, Some(format!("failed{because}"))),
        Some(Status::Timeout) => (Grade::Bad, Some(format!("timed out{because}"))),
        Some(Status::Crash) => (Grade::Bad, Some(format!("crashed{because}"))),
        Some(Status::Flaky) => (Grade::Short, Some(format!("passed only on a retry{because}"))),
        Some(Status::Pass) => (Grade::Good, None),
    };
    let mut notes: Vec<Remark> = text.map(Remark::from).into_iter().collect();
    if judged.status.is_some_and(Status::is_success) {
        notes.extend(judged.fallbacks.iter().cloned().map(Remark::from));
        notes.extend(judged.cell.goals.iter().filter_map(|goal| {
            let (met, measured) = check(goal, judged.effects);
            match met {
                Met::Yes => None,
                Met::No => Some(Remark { text: format!("expected {goal}"), measured: Some(measured) }),
                Met::Unknown => Some(format!("expected {goal}, which was not measured").into()),
            }
        }));
    }
    let grade = if grade == Grade::Good && !notes.is_empty() { Grade::Short } else { grade };
    notes.extend(expectation(judged, grade).map(Remark::from));
    (grade, notes)
}

/// What is to be said of an outcome the user foresaw, or foresaw wrongly.
fn expectation(judged: &Judged<'_>, grade: Grade) -> Option<String> {
    let expected = judged.cell.expect.as_ref()?;
    let status = judged.status?;
    let as_entry = match grade {
        Grade::Good => "full",
        Grade::Short => "limited",
        Grade::Bad => "none",
        Grade::NotRun => return None,
    };
    if expected.status == status.name() || expected.status == as_entry {
        Some(format!("as expected, {}", expected.why))
    } else {
        Some(format!("expected {} ({}), but it is {}", expected.status, expected.why, status.name()))
    }
}

/// Whether effects meet a goal, and what was measured.
pub(super) fn check(goal: &Goal, effects: &[(String, Effect)]) -> (Met, String) {
    let Some((_, effect)) = effects.iter().find(|(metric, _)| *metric == goal.metric) else {
        return (Met::Unknown, String::new());
    };
    let (value, limit, shown) = match goal.limit {
        Limit::Change(limit) => {
            let Some(improvement) = effect.improvement_percent else { return (Met::Unknown, String::new()) };
            let change = -improvement / 100.0;
            (change, limit, percent(change, true))
        }
        Limit::Loss(limit) => (1.0 - effect.treatment, limit, percent(1.0 - effect.treatment, false)),
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes"
        )]
        Limit::Bytes(limit) => (effect.treatment, limit as f64, Bytes(effect.treatment as u64).to_string()),
    };
    (if value <= limit { Met::Yes } else { Met::No }, shown)
}

fn percent(share: f64, signed: bool) -> String {
    let share = Percent((share * 1000.0).round() / 1000.0);
    if signed && share.0 > 0.0 { format!("+{share}") } else { share.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Metric;
    use crate::plan::{Expectation, Plan};
    use crate::spec::{Flags, Spec};

    fn cell(goals: Vec<Goal>) -> Cell {
        let flags = Flags { models: vec!["minilm".into()], optimizations: vec!["int4".into()], ..Flags::default() };
        let spec = Spec::from_flags(&flags, |_| None).expect("a spec");
        Cell { goals, ..Plan::new(&spec, None, None).expect("a plan").cells.remove(0) }
    }

    fn judged<'a>(cell: &'a Cell, status: Option<Status>, effects: &'a [(String, Effect)]) -> Judged<'a> {
        Judged { cell, status, reason: "a reason", effects, fallbacks: &[] }
    }

    fn effect(metric: &str, baseline: f64, treatment: f64) -> (String, Effect) {
        (metric.into(), Effect::of(&Metric::named(metric), &[(baseline, treatment)]).expect("a pair"))
    }

    fn support(statuses: &[Option<Status>]) -> Support {
        let cell = cell(Vec::new());
        entry(&statuses.iter().map(|status| judged(&cell, *status, &[])).collect::<Vec<_>>()).0
    }

    #[test]
    fn entries_follow_from_statuses() {
        use Status::{Crash, Fail, Flaky, Pass, Skipped, Timeout, Unavailable, Unsupported};
        assert_eq!(support(&[Some(Pass), Some(Pass)]), Support::Full);
        assert_eq!(support(&[Some(Pass), Some(Unavailable)]), Support::Full);
        assert_eq!(support(&[Some(Pass), Some(Fail)]), Support::Limited);
        assert_eq!(support(&[Some(Flaky)]), Support::Limited);
        assert_eq!(support(&[Some(Fail), Some(Timeout), Some(Crash)]), Support::None);
        assert_eq!(support(&[Some(Unsupported)]), Support::None);
        assert_eq!(support(&[Some(Unsupported), Some(Skipped)]), Support::None);
        assert_eq!(support(&[Some(Unavailable), Some(Skipped), None]), Support::NotRun);
        assert_eq!(support(&[]), Support::NotRun);
    }

    #[test]
    fn a_smaller_effect_than_expected_is_limited_and_says_so() {
        let goal = Goal { word: "memory".into(), metric: "memory_peak".into(), limit: Limit::Change(-0.7) };
        let cell = cell(vec![goal]);
        let enough = [effect("memory_peak", 100.0, 25.0)];
        assert_eq!(entry(&[judged(&cell, Some(Status::Pass), &enough)]), (Support::Full, Vec::new()));
        let little = [effect("memory_peak", 100.0, 48.0)];
        let (support, notes) = entry(&[judged(&cell, Some(Status::Pass), &little)]);
        assert_eq!(
            (support, notes),
            (Support::Limited, vec!["minilm: expected memory -70%, measured -52%".to_owned()])
        );
        let (support, notes) = entry(&[judged(&cell, Some(Status::Pass), &[])]);
        assert_eq!(
            (support, notes),
            (Support::Limited, vec!["expected memory -70%, which was not measured".to_owned()])
        );
    }

    #[test]
    fn what_could_not_be_had_is_limited_and_says_so() {
        let cell = cell(Vec::new());
        let fallbacks = ["no workers here".to_owned()];
        let alone = Judged { fallbacks: &fallbacks, ..judged(&cell, Some(Status::Pass), &[]) };
        assert_eq!(entry(std::slice::from_ref(&alone)), (Support::Limited, vec!["no workers here".to_owned()]));
        assert_eq!(entry(&[Judged { status: Some(Status::Fail), ..alone }]).0, Support::None);
    }

    #[test]
    fn what_holds_for_several_models_is_said_once() {
        let [mut one, two] = [cell(Vec::new()), cell(Vec::new())];
        one.model.name = "bert".into();
        let notes = |a, b| entry(&[judged(&one, Some(a), &[]), judged(&two, Some(b), &[])]).1;
        let all = notes(Status::Unsupported, Status::Unsupported);
        assert_eq!(all, ["unsupported: a reason"], "what holds for all of them needs no names");
        assert_eq!(notes(Status::Unsupported, Status::Pass), ["bert: unsupported: a reason"]);
    }

    #[test]
    fn figures_of_several_models_stand_in_one_note() {
        let goal = Goal { word: "memory".into(), metric: "memory_peak".into(), limit: Limit::Change(-0.7) };
        let [mut one, two] = [cell(vec![goal.clone()]), cell(vec![goal])];
        one.model.name = "bert".into();
        let [a, b] = [60.0, 48.0].map(|treatment| vec![effect("memory_peak", 100.0, treatment)]);
        let (_, notes) = entry(&[judged(&one, Some(Status::Pass), &a), judged(&two, Some(Status::Pass), &b)]);
        assert_eq!(notes, ["expected memory -70%, measured: bert -40%, minilm -52%"]);
    }

    #[test]
    fn losses_and_sizes_are_checked_on_the_treatment() {
        let loss = Goal { word: "accuracy_loss".into(), metric: "accuracy.cosine".into(), limit: Limit::Loss(0.05) };
        assert_eq!(check(&loss, &[effect("accuracy.cosine", 1.0, 0.97)]), (Met::Yes, "3%".into()));
        assert_eq!(check(&loss, &[effect("accuracy.cosine", 1.0, 0.90)]).0, Met::No);
        let size = Goal { word: "memory".into(), metric: "memory_peak".into(), limit: Limit::Bytes(50) };
        assert_eq!(check(&size, &[effect("memory_peak", 100.0, 51.0)]), (Met::No, "51B".into()));
    }

    #[test]
    fn what_was_foreseen_is_said_and_what_was_not_too() {
        let mut cell = cell(Vec::new());
        cell.expect = Some(Expectation { status: "unsupported".into(), why: "no WebGPU there".into() });
        let (_, notes) = entry(&[judged(&cell, Some(Status::Unsupported), &[])]);
        assert_eq!(notes[1], "as expected, no WebGPU there");
        let (support, notes) = entry(&[judged(&cell, Some(Status::Pass), &[])]);
        assert_eq!(support, Support::Full);
        assert_eq!(notes, ["expected unsupported (no WebGPU there), but it is pass"]);
    }
}
