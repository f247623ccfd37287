//! A browser that lies, a page that shouts, a model with a name out of a bad dream: every output stays what it is.

#[allow(dead_code, reason = "other tests use the rest")]
mod sample_run;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum as _;
use matrix_driver::compare::{History, Judge, Side};
use matrix_driver::report::{
    Format, Kind, Look, RowsFormat, View, annotations, render, render_comparison, render_history, render_rows,
};
use matrix_driver::run::event::{Event, RunInfo};
use matrix_driver::spec::Known;
use matrix_driver::store::{Access, Store, query};

/// Markup, a template, SQL, a formula, a workflow command, terminal commands, reordering and a very long word.
const STRINGS: [&str; 8] = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "\"><svg/onload=alert(3)>' onmouseover='alert(4)",
    "{{ 7 * 191 }}{% include 'report.css' %}{# gone #}",
    "'); DROP TABLE cell; --",
    "=HYPERLINK(\"http://example.com\")",
    "\n::error title=fake::forged\n",
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{8}\u{8}\u{202e}reversed\u{200b}",
    "| a | b |\n|---|---|\n[link](javascript:alert(5)) `code` <b>",
];

/// A run in which everything that comes from outside is one of the strings above.
fn record(path: &Path, id: &str, day: u32) {
    let mut plan = sample_run::plan();
    for (i, cell) in plan.cells.iter_mut().enumerate() {
        cell.model.name = format!("{}{i}", STRINGS[i % STRINGS.len()]);
    }
    let mut recorder = sample_run::recorder(path);
    let original = sample_run::plan();
    for (i, event) in sample_run::events(&original).into_iter().enumerate() {
        let text = STRINGS[i % STRINGS.len()].to_owned();
        let event = match event {
            Event::RunStarted { run, .. } => {
                let started_at = format!("2026-03-{day:02}T10:00:00.000Z");
                let run = RunInfo { id: id.into(), name: STRINGS.concat(), started_at, ..run };
                Event::RunStarted { run, cells: plan.cells.clone() }
            }
            Event::EnvironmentSeen { mut environment } => {
                environment.product.clone_from(&text);
                environment.browser_version.clone_from(&text);
                environment.driver.clone_from(&text);
                environment.user_agent = STRINGS.concat();
                environment.device.description.clone_from(&text);
                environment.device.vendor.clone_from(&text);
                environment.device.features = STRINGS.map(String::from).to_vec();
                environment.command_line = STRINGS.map(|text| format!("--enable-{text}")).to_vec();
                environment.notes.insert(text.clone(), text);
                Event::EnvironmentSeen { environment }
            }
            Event::Sampled { cell, attempt, arm, block, mut measure, valid } => {
                if measure.metric == "accuracy.max_abs" {
                    measure.metric.clone_from(&text);
                    measure.unit = text;
                }
                Event::Sampled { cell, attempt, arm, block, measure, valid }
            }
            Event::AttemptEnded { cell, attempt, outcome, reason } if !reason.is_empty() => {
                Event::AttemptEnded { cell, attempt, outcome, reason: text }
            }
            Event::CellFinished { cell, status, .. } => Event::CellFinished { cell, status, reason: text },
            other => other,
        };
        recorder.record(&event).expect("records");
    }
    for cell in plan.cells.iter().filter(|cell| cell.browser.name() != "edge") {
        for text in STRINGS {
            let (cell, level) = (cell.id.clone(), text.to_owned());
            recorder.record(&Event::Logged { cell, level, text: text.repeat(3) }).expect("records");
        }
        let kept = Event::Kept { cell: cell.id.clone(), kind: STRINGS[0].into(), bytes: b"<script>".to_vec() };
        recorder.record(&kept).expect("records");
        let not_a_picture =
            Event::Kept { cell: cell.id.clone(), kind: "screenshot".into(), bytes: b"<script>".to_vec() };
        recorder.record(&not_a_picture).expect("records");
    }
}

/// What holds of every text that a person sees.
fn check(what: &str, text: &str) {
    assert!(!text.is_empty(), "{what}");
    let obeyed = text
        .chars()
        .find(|c| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || matches!(c, '\u{202e}' | '\u{200b}'));
    assert_eq!(obeyed, None, "{what}: a terminal would obey");
    assert!(!text.contains("1337"), "{what}: a template was run");
    assert!(!text.lines().any(|line| line.starts_with("::error title=fake")), "{what}: a command was forged");
}

fn check_markup(what: &str, text: &str) {
    let lower = text.to_lowercase();
    for tag in ["<script", "<img", "<svg/onload", "<b>\n"] {
        assert!(!lower.contains(tag), "{what}: {tag} got in");
    }
}

/// Quotes inside attributes are escaped: no attribute can be added.
fn check_attributes(what: &str, text: &str) {
    for added in ["' onmouseover=", "\"><svg/"] {
        let at = text.find(added).map(|at| text.get(at.saturating_sub(120)..at + 40).unwrap_or_default());
        assert_eq!(at, None, "{what}");
    }
}

#[test]
fn every_output_stays_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("matrix.db");
    record(&path, "a", 1);
    record(&path, "b", 2);
    let look = Look { width: Some(140), colour: false };
    let store = Store::open(&path, Access::Read).expect("opens");
    let view = View::read(&store, &store.run(Some("b")).expect("a run")).expect("a view");
    let one = view.only(&view.cells[0].key).expect("a cell");
    for (name, view) in [("run", &view), ("cell", &one)] {
        for &kind in Kind::value_variants() {
            for &format in Format::value_variants() {
                let what = format!("{name} {kind:?} {format:?}");
                let text = render(view, kind, format, look, None).expect("renders");
                check(&what, &text);
                if format == Format::Html {
                    check_attributes(&what, &text);
                }
                match format {
                    Format::Html | Format::Markdown => check_markup(&what, &text),
                    Format::Json | Format::Bcd => {
                        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{what}");
                    }
                    Format::Junit => assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{what}"),
                    _ => {}
                }
            }
        }
    }
    let side = |id: &str| Side::open(&path, id).expect("a run");
    let judge = Judge { across: vec!["notes".into()], ..Judge::default() };
    let comparison =
        judge.compare(&side("a"), &side("b"), matrix_driver::run::event::Arm::Treatment).expect("compares");
    let histories = History::read(&store, &view.cells[0].model, "int4", "infer_time");
    let histories = histories.or_else(|_| History::read(&store, "*", "int4", "infer_time")).expect("a history");
    check("annotations", &annotations(&comparison));
    for &format in RowsFormat::value_variants() {
        check(&format!("comparison {format:?}"), &render_comparison(&comparison, format, look, true));
        check(&format!("history {format:?}"), &render_history(&histories, format, look));
        for sql in [
            "SELECT * FROM cell",
            "SELECT * FROM environment",
            "SELECT * FROM event",
            "SELECT * FROM webgpu_optimizations",
        ] {
            let rows = query(&path, sql, Duration::from_secs(10)).expect("answers");
            let text = render_rows(&rows, format, look);
            check(&format!("{sql} {format:?}"), &text);
            if format == RowsFormat::Markdown {
                check_markup(sql, &text);
            }
        }
    }
    let file = folder.path().join("expectations.yaml");
    let update = Command::new(env!("CARGO_BIN_EXE_matrix"))
        .args(["expectations", "update"])
        .arg(&file)
        .arg("--db")
        .arg(&path)
        .output()
        .expect("runs");
    assert!(update.status.success(), "{}", String::from_utf8_lossy(&update.stderr));
    check("expectations", &std::fs::read_to_string(&file).expect("a file"));
    assert!(!Known::read_file(&file).expect("reads what it wrote").is_empty());
    let cells = query(&path, "SELECT count(*) FROM cell", Duration::from_secs(10)).expect("answers");
    assert_eq!(format!("{:?}", cells.rows), "[[Integer(32)]]", "no table was dropped");
}
