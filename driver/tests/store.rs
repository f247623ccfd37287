//! The store: scripted events in, rows and views out, whatever happens in between.

mod sample_run;

use std::path::Path;
use std::time::Duration;

use matrix_driver::run::event::{Event, RunStatus, Status};
use matrix_driver::store::{Access, Recorder, Rows, Store, Value, query};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(10);

fn recorded() -> (TempDir, Recorder) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = sample_run::recorder(&folder.path().join("matrix.db"));
    for event in sample_run::events(&sample_run::plan()) {
        recorder.record(&event).expect("records");
    }
    (folder, recorder)
}

fn select(path: &Path, sql: &str) -> Rows {
    query(path, sql, LIMIT).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

fn refused(path: &Path, sql: &str) -> String {
    query(path, sql, LIMIT).expect_err(sql).render(false)
}

#[test]
fn every_event_of_a_run_is_in_the_tables() {
    let (folder, recorder) = recorded();
    let path = folder.path().join("matrix.db");
    let run = recorder.store().run(None).expect("a run");
    assert_eq!((run.status, run.info.name.as_str()), (RunStatus::Finished, "sample"));
    let cells = recorder.store().cells(&run.info.id).expect("cells");
    assert_eq!(cells.iter().map(|row| row.cell.clone()).collect::<Vec<_>>(), sample_run::plan().cells);
    assert!(cells.iter().all(|row| row.status.is_some()));
    let flaky = cells.iter().find(|row| row.status == Some(Status::Flaky)).expect("a flaky cell");
    let attempts = recorder.store().attempts(flaky.id).expect("attempts");
    assert_eq!(attempts.iter().map(|a| a.outcome).collect::<Vec<_>>(), [Some(Status::Crash), Some(Status::Pass)]);
    assert_eq!(recorder.store().samples(flaky.id).expect("samples").len(), 2 * (8 + 12));
    let failed = cells.iter().find(|row| row.status == Some(Status::Fail)).expect("a failed cell");
    let logs = recorder.store().logs(&run.info.id, &failed.cell.id).expect("logs");
    assert_eq!(logs[0].text, sample_run::HOSTILE);
    assert_eq!(recorder.store().environments(&run.info.id).expect("environments").len(), 6);
    let kinds = select(&path, "SELECT count(*) FROM event WHERE kind = 'cell_finished'");
    assert_eq!(kinds.rows, [[Value::Integer(16)]]);
}

#[test]
fn the_query_of_the_guide_and_the_views_work() {
    let (folder, _recorder) = recorded();
    let path = folder.path().join("matrix.db");
    let rows = select(
        &path,
        "SELECT model_name, AVG(improvement_percent) FROM webgpu_optimizations
        WHERE optimization_type = 'int4' AND metric = 'weight_bytes' GROUP BY model_name",
    );
    assert_eq!(rows.columns, ["model_name", "AVG(improvement_percent)"]);
    assert_eq!(rows.rows.len(), 2);
    assert!(
        rows.rows.iter().all(|row| matches!(row[1], Value::Real(percent) if (percent - 85.2).abs() < 0.01)),
        "{rows:?}"
    );
    let columns = "model_name, optimization_type, improvement_percent, browser, platform, metric, ci_low, ci_high, samples, verdict, run_id";
    let rows = select(
        &path,
        &format!("SELECT {columns} FROM webgpu_optimizations WHERE metric = 'infer_time' AND browser = 'chrome'"),
    );
    assert_eq!(rows.rows.len(), 4);
    let compat = select(
        &path,
        "SELECT cells, passed, failed, unsupported, not_run FROM compat WHERE browser = 'firefox' AND platform = 'webgpu'",
    );
    assert_eq!(compat.rows, [[2, 1, 1, 0, 0].map(Value::Integer)]);
}

#[test]
fn the_guides_query_works_word_for_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("matrix.db");
    let mut plan = sample_run::plan();
    for cell in &mut plan.cells {
        cell.optimizations = vec!["compute_shaders".into()];
    }
    let mut recorder = sample_run::recorder(&path);
    recorder.record_all(&sample_run::events(&plan)).expect("records");
    let rows = select(
        &path,
        "SELECT model_name, AVG(improvement_percent) FROM webgpu_optimizations WHERE optimization_type='compute_shaders' GROUP BY model_name",
    );
    let names: Vec<&Value> = rows.rows.iter().map(|row| &row[0]).collect();
    assert_eq!(names, [&Value::Text("bert-tiny".into()), &Value::Text("minilm".into())]);
    assert!(rows.rows.iter().all(|row| matches!(row[1], Value::Real(percent) if percent > 0.0)), "{rows:?}");
}

#[test]
fn effects_are_derived_and_can_be_derived_again() {
    let (folder, recorder) = recorded();
    let path = folder.path().join("matrix.db");
    let before = select(&path, "SELECT * FROM effect ORDER BY cell_id, metric");
    assert!(before.rows.len() > 50);
    drop(recorder);
    let mut store = Store::open(&path, Access::Write).expect("opens");
    let run = store.run(None).expect("a run").info.id;
    let done = store.recompute(&run).expect("recomputes");
    assert_eq!((done.cells, done.effects, done.changed), (16, before.rows.len(), 0));
    assert_eq!(select(&path, "SELECT * FROM effect ORDER BY cell_id, metric"), before);
    // What an earlier version computed otherwise, or not at all, is put right.
    let other = rusqlite::Connection::open(&path).expect("opens");
    other.execute("UPDATE effect SET verdict = 'worse' WHERE metric = 'load_time'", []).expect("spoils");
    other.execute("DELETE FROM effect WHERE metric = 'infer_time'", []).expect("spoils");
    let done = store.recompute(&run).expect("recomputes");
    let spoilt = before.rows.iter().filter(|row| {
        [1].iter().any(|at| matches!(&row[*at], Value::Text(metric) if metric == "load_time" || metric == "infer_time"))
    });
    assert_eq!(done.changed, spoilt.count());
    assert_eq!(select(&path, "SELECT * FROM effect ORDER BY cell_id, metric"), before);
}

#[test]
fn a_run_killed_at_any_event_can_be_read_and_resumed() {
    let plan = sample_run::plan();
    let events = sample_run::events(&plan);
    for kept in (1..events.len()).step_by(7) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("matrix.db");
        let mut recorder = sample_run::recorder(&path);
        recorder.record_all(&events[..kept]).expect("records");
        // As after kill -9: nothing is closed.
        std::mem::forget(recorder);
        let store = Store::open(&path, Access::Read).expect("opens");
        let run = store.run(None).expect("a run");
        assert_eq!(run.status, RunStatus::Running);
        let done: Vec<&str> = events[..kept]
            .iter()
            .filter_map(|event| if let Event::CellFinished { cell, .. } = event { Some(cell.as_str()) } else { None })
            .collect();
        let outstanding = store.outstanding(&run.info.id).expect("cells");
        assert_eq!(done.len() + outstanding.len(), plan.cells.len());
        assert!(outstanding.iter().all(|cell| !done.contains(&cell.id.as_str())));
        let mut again = sample_run::recorder(&path);
        again.record(&events[0]).expect("resumes");
        for cell in &outstanding {
            again.record_all(&sample_run::cell_events(cell)).expect("records");
        }
        assert!(again.store().outstanding(&run.info.id).expect("cells").is_empty());
        let unfinished = select(&path, "SELECT count(*) FROM attempt WHERE ended_at IS NULL");
        assert_eq!(unfinished.rows, [[Value::Integer(0)]]);
    }
}

#[test]
fn an_interrupted_cell_is_outstanding_again() {
    let plan = sample_run::plan();
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = sample_run::recorder(&folder.path().join("matrix.db"));
    let skipped =
        Event::CellFinished { cell: plan.cells[0].id.clone(), status: Status::Skipped, reason: "interrupted".into() };
    recorder.record_all(&[sample_run::events(&plan)[0].clone(), skipped]).expect("records");
    let run = sample_run::run_info(&plan).id;
    assert_eq!(recorder.store().outstanding(&run).expect("cells").len(), plan.cells.len());
}

#[test]
fn a_batch_is_recorded_whole_or_not_at_all() {
    let plan = sample_run::plan();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("matrix.db");
    let mut recorder = sample_run::recorder(&path);
    let mut events = sample_run::events(&plan);
    events.truncate(3);
    events.push(Event::CellFinished { cell: "nowhere".into(), status: Status::Pass, reason: String::new() });
    let error = recorder.record_all(&events).expect_err("an unknown cell").render(false);
    assert!(error.contains("the cell nowhere, which is not planned"), "{error}");
    assert_eq!(select(&path, "SELECT count(*) FROM run").rows, [[Value::Integer(0)]]);
    let early = recorder.record(&Event::RunFinished { status: RunStatus::Finished });
    assert!(early.is_err());
}

#[test]
fn a_number_that_is_none_is_kept_and_never_counted() {
    let plan = sample_run::plan();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("matrix.db");
    let mut recorder = sample_run::recorder(&path);
    let mut events = vec![sample_run::events(&plan)[0].clone()];
    events.extend(sample_run::cell_events(&plan.cells[0]));
    for event in &mut events {
        if let Event::Sampled { measure, block: 1, .. } = event {
            measure.value = f64::NAN;
        }
    }
    recorder.record_all(&events).expect("records");
    let rows = select(&path, "SELECT count(*) FROM sample WHERE value IS NULL AND NOT valid");
    assert_eq!(rows.rows, [[Value::Integer(2)]]);
    assert_eq!(select(&path, "SELECT samples FROM effect WHERE metric = 'infer_time'").rows, [[Value::Integer(11)]]);
}

#[test]
fn evidence_is_stored_once_under_its_hash() {
    let plan = sample_run::plan();
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = sample_run::recorder(&folder.path().join("matrix.db"));
    recorder.record(&sample_run::events(&plan)[0]).expect("records");
    for cell in &plan.cells[..2] {
        recorder
            .record(&Event::Kept { cell: cell.id.clone(), kind: "screenshot".into(), bytes: vec![7; 1000] })
            .expect("records");
    }
    let store = recorder.store();
    let cells = store.cells(&sample_run::run_info(&plan).id).expect("cells");
    let hashes: Vec<String> =
        cells[..2].iter().map(|row| store.artifacts(row.id).expect("artifacts")[0].hash.clone()).collect();
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(store.blob(&hashes[0]).expect("reads"), Some(vec![7; 1000]));
    let blobs = select(store.path(), "SELECT count(*), max(length(json)) < 300 FROM blob, event WHERE kind = 'kept'");
    assert_eq!(blobs.rows, [[Value::Integer(2), Value::Integer(1)]]);
}

#[test]
fn queries_only_read_and_say_what_is_wrong() {
    let (folder, _recorder) = recorded();
    let path = folder.path().join("matrix.db");
    let texts = [
        "SELEC 1",
        "SELECT speed FROM run",
        "SELECT * FROM runs",
        "DELETE FROM run",
        "SELECT 1; SELECT 2",
        "",
        "ATTACH 'other.db' AS other",
    ]
    .map(|sql| refused(&path, sql));
    insta::with_settings!({ snapshot_path => "snapshots/store", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("bad_sql", texts.join("\n\n"));
    });
    let attached = folder.path().join("attached.db");
    refused(&path, &format!("ATTACH '{}' AS other", attached.display()));
    assert!(!attached.exists());
}

#[test]
fn a_query_that_takes_too_long_is_stopped() {
    let (folder, _recorder) = recorded();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let started = std::time::Instant::now();
    let error = query(&folder.path().join("matrix.db"), endless, Duration::from_millis(200)).expect_err("endless");
    assert!(error.render(false).contains("took longer than 0.2 s"), "{}", error.render(false));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_run_is_found_by_the_start_of_its_id() {
    let (_folder, recorder) = recorded();
    let store = recorder.store();
    assert_eq!(store.run(Some("20260301")).expect("a run"), store.run(None).expect("a run"));
    let error = store.run(Some("2025")).expect_err("no such run").render(false);
    assert!(error.contains("the newest is 20260301-100000-abcd"), "{error}");
}
