//! Runs against each other: what got worse is found, what cannot be compared is said, what is known is forgiven.

#[allow(dead_code, reason = "other tests use the rest")]
mod sample_run;

use std::path::{Path, PathBuf};
use std::process::Command;

use matrix_driver::browser::BrowserId;
use matrix_driver::compare::{History, Judge, Side, Standing, merge, standing, updated};
use matrix_driver::measure::Change;
use matrix_driver::plan::{Cell, Plan};
use matrix_driver::run::event::{Arm, Event, RunInfo, RunStatus, Status};
use matrix_driver::spec::Known;
use matrix_driver::store::{Access, Store};
use matrix_engine::protocol::{Measure, Platform};
use tempfile::TempDir;

/// A run of four cells: two models, two browsers.
struct Run {
    id: &'static str,
    day: u32,
    /// Treatment times are multiplied by this.
    slower: f64,
    version: &'static str,
    /// Status of the cells of Firefox.
    firefox: Status,
    cells: std::ops::Range<usize>,
}

const PLAIN: Run = Run { id: "a", day: 1, slower: 1.0, version: "141", firefox: Status::Pass, cells: 0..4 };

fn plan() -> Plan {
    let mut plan = sample_run::plan();
    plan.cells.retain(|cell| {
        cell.platform == Platform::Webgpu && matches!(cell.browser, BrowserId::Chrome | BrowserId::Firefox)
    });
    assert_eq!(plan.cells.len(), 4);
    plan
}

/// Noise that is the same every time: the upper bits of a linear congruential generator.
fn noise(seed: u32) -> f64 {
    let mixed =
        (0..4).fold(seed.wrapping_mul(2_654_435_761), |x, _| x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    f64::from(mixed >> 8) / f64::from(1_u32 << 24) - 0.5
}

fn record(path: &Path, run: &Run) {
    let plan = plan();
    let mut recorder = sample_run::recorder(path);
    let info = RunInfo {
        id: run.id.into(),
        started_at: format!("2026-03-{:02}T10:00:00.000Z", run.day),
        ..sample_run::run_info(&plan)
    };
    let cells = plan.cells[run.cells.clone()].to_vec();
    recorder.record(&Event::RunStarted { run: info, cells: cells.clone() }).expect("records");
    for (i, cell) in (0_u32..).zip(&cells) {
        recorder.record_all(&events(run, cell, 1000 * i + 77 * run.day)).expect("records");
    }
    recorder.record(&Event::RunFinished { status: RunStatus::Finished }).expect("records");
}

fn events(run: &Run, cell: &Cell, seed: u32) -> Vec<Event> {
    let mut environment = sample_run::environment(cell.browser, cell.platform);
    environment.browser_version = run.version.into();
    environment.id = format!("{}-{}", environment.id, run.version);
    let id = Some(environment.id.clone());
    let mut events = vec![
        Event::EnvironmentSeen { environment: Box::new(environment) },
        Event::AttemptStarted { cell: cell.id.clone(), attempt: 1, environment: id },
    ];
    let mut push = |arm, block, metric: &str, value| {
        let measure = Measure { metric: metric.into(), value, unit: "u".into() };
        events.push(Event::Sampled { cell: cell.id.clone(), attempt: 1, arm, block, measure, valid: true });
    };
    push(Arm::Baseline, 0, "weight_bytes", 4000.0);
    push(Arm::Treatment, 0, "weight_bytes", 600.0);
    for block in 0..20 {
        push(Arm::Baseline, block, "infer_time", 20.0 * (0.06 * noise(seed + 2 * block)).exp());
        push(Arm::Treatment, block, "infer_time", 15.0 * run.slower * (0.06 * noise(seed + 2 * block + 1)).exp());
    }
    let status = if cell.browser == BrowserId::Firefox { run.firefox } else { Status::Pass };
    let reason = if status == Status::Pass { String::new() } else { "the tab went away".to_owned() };
    let (cell, attempt) = (cell.id.clone(), 1);
    events.push(Event::AttemptEnded { cell: cell.clone(), attempt, outcome: status, reason: reason.clone() });
    events.push(Event::CellFinished { cell, status, reason });
    events
}

fn store(runs: &[Run]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("matrix.db");
    runs.iter().for_each(|run| record(&path, run));
    (folder, path)
}

fn compared(path: &Path, judge: &Judge) -> matrix_driver::compare::Comparison {
    let (a, b) = (Side::open(path, "a").expect("a run"), Side::open(path, "b").expect("a run"));
    judge.compare(&a, &b, Arm::Treatment).expect("compares")
}

/// Runs the program; gives exit code, standard output and standard error.
fn matrix(path: &Path, words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_matrix"))
        .args(words)
        .arg("--db")
        .arg(path)
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY")
        .output()
        .expect("runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
}

#[test]
fn a_slower_run_is_found_and_an_equal_one_is_not_blamed() {
    let (_folder, path) = store(&[PLAIN, Run { id: "b", day: 2, ..PLAIN }]);
    let same = compared(&path, &Judge::default());
    assert_eq!(same.change, Change::Unchanged, "{same:#?}");
    assert_eq!(same.lines.len(), 8);
    let (_folder, path) = store(&[PLAIN, Run { id: "b", day: 2, slower: 1.2, ..PLAIN }]);
    let slower = compared(&path, &Judge::default());
    assert_eq!((slower.change, slower.counts["regressed"]), (Change::Regressed, 4), "{slower:#?}");
    let line = &slower.lines[0];
    assert_eq!((line.metric.as_str(), line.samples_before, line.samples_after), ("infer_time", 20, 20));
    assert!(line.improvement_percent.is_some_and(|percent| (-24.0..-16.0).contains(&percent)), "{line:#?}");
    // As much may be lost when the user says so, and the memory still counts.
    let judge = Judge { thresholds: [("infer_time".to_owned(), 40.0)].into(), ..Judge::default() };
    assert_eq!(compared(&path, &judge).change, Change::Unchanged);
    let judge = Judge { metrics: vec!["weight_bytes".into()], ..Judge::default() };
    assert_eq!(compared(&path, &judge).lines.len(), 4);
}

#[test]
fn other_conditions_are_incomparable_and_never_worse() {
    let (_folder, path) = store(&[PLAIN, Run { id: "b", day: 2, slower: 1.5, version: "142", ..PLAIN }]);
    let comparison = compared(&path, &Judge::default());
    assert_eq!(comparison.change, Change::Incomparable);
    assert!(comparison.lines.iter().all(|line| line.why == "browser_version: 141 → 142"), "{comparison:#?}");
    let judge = Judge { across: vec!["browser_version".into()], ..Judge::default() };
    assert_eq!(compared(&path, &judge).change, Change::Regressed);
}

#[test]
fn a_run_against_itself_pairs_its_arms() {
    let (_folder, path) = store(&[PLAIN]);
    let arms = Judge::default().compare_arms(&Side::open(&path, "a").expect("a run")).expect("compares");
    assert!(arms.paired && arms.lines.len() == 8 && arms.change == Change::Improved, "{arms:#?}");
}

#[test]
fn what_no_longer_works_is_worse_unless_it_is_known() {
    let (folder, path) = store(&[PLAIN, Run { id: "b", day: 2, firefox: Status::Crash, ..PLAIN }]);
    let comparison = compared(&path, &Judge::default());
    assert_eq!((comparison.change, comparison.counts["regressed"]), (Change::Regressed, 2));
    assert_eq!(comparison.lines[0].why, "pass before, now crash: the tab went away");
    let file = folder.path().join("expectations.yaml");
    std::fs::write(&file, "- {browser: firefox, when: {browser_version: \"< 145\"}, status: crash, why: reported}\n")
        .expect("writes");
    let judge = Judge { known: Known::read_file(&file).expect("reads"), ..Judge::default() };
    assert_eq!(compared(&path, &judge).change, Change::Unchanged);
}

#[test]
fn the_gate_tells_by_its_exit_code() {
    let ok = Run { id: "b", day: 2, ..PLAIN };
    let crashed = Run { id: "c", day: 3, firefox: Status::Crash, ..PLAIN };
    let slower = Run { id: "d", day: 4, slower: 1.2, ..PLAIN };
    let faster = Run { id: "e", day: 5, slower: 0.8, ..PLAIN };
    let elsewhere = Run { id: "f", day: 6, version: "142", ..PLAIN };
    let (folder, path) = store(&[PLAIN, ok, crashed, slower, faster, elsewhere]);
    assert_eq!(matrix(&path, &["gate", "b"]).0, 0);
    assert_eq!(matrix(&path, &["gate", "c"]).0, 1);
    // The last green run before `d` is `b`, not `c`.
    let (code, out, _) = matrix(&path, &["gate", "d", "--github"]);
    assert_eq!(code, 1);
    assert!(out.starts_with("regressed: d (sample) against b (sample): 4 regressed, 4 unchanged"), "{out}");
    let (code, out, _) = matrix(&path, &["gate", "e"]);
    assert!(code == 0 && out.starts_with("improved: e (sample) against d"), "{out}");
    assert_eq!(matrix(&path, &["gate", "f"]).0, 6);
    assert_eq!(matrix(&path, &["gate", "a"]).0, 5, "nothing is before the first");
    assert_eq!(matrix(&path, &["gate", "b", "--threshold", "-5%"]).0, 2);
    assert_eq!(matrix(&path, &["gate", "b", "--metric", "infer_tme"]).0, 2);
    assert_eq!(matrix(&path, &["compare", "a", "nothing.db"]).0, 3);
    let other = folder.path().join("main.db");
    std::fs::copy(&path, &other).expect("copies");
    let against = format!("{}:b", other.display());
    assert_eq!(matrix(&path, &["gate", "d", "--against", &against]).0, 1);
    let (_, json, _) = matrix(&path, &["compare", "b", "d", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("is JSON");
    assert_eq!((json["change"].as_str(), json["lines"].as_array().map(Vec::len)), (Some("regressed"), Some(8)));
    let (_, csv, _) = matrix(&path, &["compare", "b", "d", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 9);
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let (folder, path) = store(&[PLAIN, Run { id: "b", day: 2, slower: 1.2, ..PLAIN }]);
    let summary = folder.path().join("summary.md");
    let output = Command::new(env!("CARGO_BIN_EXE_matrix"))
        .args(["gate", "b", "--db"])
        .arg(&path)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .expect("runs");
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!(
        errors.lines().filter(|line| line.starts_with("::error title=matrix%3A regressed::")).count(),
        4,
        "{errors}"
    );
    let summary = std::fs::read_to_string(summary).expect("a summary");
    assert!(summary.starts_with("## regressed: b") && summary.contains("| regressed |"), "{summary}");
}

#[test]
fn a_history_shows_where_an_effect_changed() {
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let runs: Vec<Run> =
        (1..).zip(ids).map(|(day, id)| Run { id, day, slower: if day > 4 { 1.25 } else { 1.0 }, ..PLAIN }).collect();
    let (_folder, path) = store(&runs);
    let store = Store::open(&path, Access::Read).expect("opens");
    let histories = History::read(&store, "minilm", "int4", "infer_time").expect("a history");
    assert_eq!(histories.len(), 2, "one for each browser");
    for history in &histories {
        let steps: Vec<&str> =
            history.points.iter().filter(|point| point.step).map(|point| point.run.as_str()).collect();
        assert_eq!(steps, ["e"], "{history:#?}");
    }
    let (code, out, _) = matrix(&path, &["history", "--model", "minilm", "--optimization", "int4"]);
    assert!(code == 0 && out.contains("step to +") && out.contains('█'), "{out}");
    let (code, _, err) = matrix(&path, &["history", "--model", "mini", "--optimization", "int4"]);
    assert!(code == 2 && err.contains("bert-tiny"), "{err}");
}

#[test]
fn parts_of_a_run_become_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["one.db", "two.db", "whole.db"].map(|name| folder.path().join(name));
    record(&paths[0], &Run { cells: 0..3, ..PLAIN });
    record(&paths[1], &Run { id: "b", day: 2, cells: 2..4, firefox: Status::Crash, ..PLAIN });
    let merged = merge(&[(&paths[0], None), (&paths[1], Some("b"))], &paths[2]).expect("merges");
    assert_eq!((merged.run.as_str(), merged.runs, merged.doubled), ("a-merged", 2, 1));
    let store = Store::open(&paths[2], Access::Read).expect("opens");
    let cells = store.cells("a-merged").expect("cells");
    assert_eq!(cells.len(), 4);
    let parts = Store::open(&paths[0], Access::Read).expect("opens");
    let whole = parts.cells("a").expect("cells");
    for cell in &cells {
        let samples = store.samples(cell.id).expect("samples");
        assert_eq!(samples.len(), 42, "{}", cell.cell.id);
        if let Some(part) = whole.iter().find(|part| part.cell.id == cell.cell.id) {
            assert_eq!(samples, parts.samples(part.id).expect("samples"));
            assert_eq!(cell.status, Some(Status::Pass), "what got further counts");
            assert_eq!(store.effects(cell.id).expect("effects").len(), 2);
        }
    }
    assert_eq!(merged.cells.values().sum::<usize>(), 4);
    assert_eq!(store.environments("a-merged").expect("environments").len(), 2);
    let error = merge(&[(&paths[0], None)], &paths[2]).expect_err("it is there");
    assert!(error.to_string().contains("already has the run"), "{error}");
    let into = format!("{}", folder.path().join("again.db").display());
    let one = paths[0].display().to_string();
    let two = format!("{}:b", paths[1].display());
    assert_eq!(matrix(&paths[0], &["merge", &one, &two, "--into", &into]).0, i32::from(merged.failed));
}

#[test]
fn expectations_follow_what_happens() {
    let (folder, path) = store(&[
        Run { firefox: Status::Crash, ..PLAIN },
        Run { id: "b", day: 2, firefox: Status::Crash, ..PLAIN },
        Run { id: "c", day: 3, ..PLAIN },
    ]);
    let file = folder.path().join("expectations.yaml");
    let name = file.display().to_string();
    std::fs::write(&file, "# what is known\n").expect("writes");
    assert_eq!(matrix(&path, &["expectations", "check", &name, "--run", "a"]).0, 1);
    let (code, out, _) = matrix(&path, &["expectations", "update", &name, "--run", "a"]);
    assert!(code == 0 && out.contains("2 expectations, 2 new, 0 gone"), "{out}");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(
        text.starts_with("# what is known\n- browser: firefox\n") && text.contains("why: \"the tab went away\""),
        "{text}"
    );
    // The same again, in another run: nothing is unexpected, nothing changes.
    assert_eq!(matrix(&path, &["expectations", "check", &name, "--run", "b"]).0, 0);
    assert!(matrix(&path, &["expectations", "update", &name, "--run", "b"]).1.contains("0 new, 0 gone"));
    // It works again: said, and forgotten on request.
    let (code, out, _) = matrix(&path, &["expectations", "check", &name, "--run", "c"]);
    assert!(code == 0 && out.contains("passes unexpectedly") && out.contains("2 unexpected passes"), "{out}");
    assert!(
        matrix(&path, &["expectations", "update", &name, "--run", "c"]).1.contains("0 expectations, 0 new, 2 gone")
    );
}

#[test]
fn an_intermittent_failure_is_neither_new_nor_gone() {
    let (folder, path) = store(&[Run { firefox: Status::Timeout, ..PLAIN }]);
    let file = folder.path().join("expectations.yaml");
    std::fs::write(&file, "- {browser: firefox, status: pass, intermittent: [timeout], why: slow machine}\n")
        .expect("writes");
    let known = Known::read_file(&file).expect("reads");
    let store = Store::open(&path, Access::Read).expect("opens");
    let (cells, environments) = (store.cells("a").expect("cells"), store.environments("a").expect("environments"));
    let firefox = cells.iter().find(|row| row.cell.browser == BrowserId::Firefox).expect("a cell");
    let standing = standing(&known, &firefox.cell, firefox.status, None);
    assert_eq!(standing, Standing::Intermittent("slow machine".into()));
    assert_eq!(updated(&known, &cells, &environments), known);
}
