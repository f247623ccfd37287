//! A million samples: how fast they are recorded, and how fast the questions a report asks are answered.
//!
//! `cargo bench -p matrix-driver --bench store`; arguments after `--`: samples to record (a million without it).

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/sample_run/mod.rs"]
mod sample_run;

use std::time::{Duration, Instant};

use matrix_driver::plan::Cell;
use matrix_driver::report::{Format, Kind, Look, View, render};
use matrix_driver::run::event::{Arm, Event, RunStatus, Status};
use matrix_driver::store::{Recorder, Value, query};
use matrix_engine::protocol::Measure;

/// What each arm tells once, on a page of its own.
const ONCE: [&str; 8] = [
    "load_time",
    "first_infer_time",
    "weight_bytes",
    "memory_peak",
    "memory_live",
    "process_memory",
    "accuracy.cosine",
    "accuracy.top1",
];

/// What each arm tells in every block: a model that continues text.
const IN_TURNS: [&str; 3] = ["infer_time", "prefill_time", "token_time"];

fn main() {
    let samples = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(1_000_000);
    let cells = cells(1000);
    let blocks = u32::try_from(samples / (cells.len() * 2 * IN_TURNS.len())).expect("few blocks").max(1);
    for (how, together) in [("each sample by itself", false), ("each block together, as a run does", true)] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("matrix.db");
        let (recorded, seconds) = record(&path, &cells, blocks, together);
        println!("{recorded} samples, {how}: {:.2} s, {:.0} samples/s", seconds, f64::from(recorded) / seconds);
        if together {
            ask(&path);
        }
    }
}

/// Cells of one matrix that differ in their names only.
fn cells(count: usize) -> Vec<Cell> {
    let first = sample_run::plan().cells.remove(0);
    let named = |i: usize| {
        let mut cell = first.clone();
        cell.id = format!("{i:012x}");
        cell.model.name = format!("model-{:03}", i % 250);
        cell
    };
    (0..count).map(named).collect()
}

/// Records a run; gives the number of samples and the seconds.
fn record(path: &std::path::Path, cells: &[Cell], blocks: u32, together: bool) -> (u32, f64) {
    let mut plan = sample_run::plan();
    plan.cells = cells.to_vec();
    let mut recorder = Recorder::open(path).expect("a store");
    let all: Vec<Vec<Vec<Event>>> = cells.iter().map(|cell| sampled(cell, blocks)).collect();
    let start = Instant::now();
    recorder
        .record(&Event::RunStarted { run: sample_run::run_info(&plan), cells: plan.cells.clone() })
        .expect("records");
    let environment = sample_run::environment(cells[0].browser, cells[0].platform);
    recorder.record(&Event::EnvironmentSeen { environment: Box::new(environment.clone()) }).expect("records");
    let mut recorded = 0;
    for (cell, told) in cells.iter().zip(&all) {
        let attempt = 1;
        let id = Some(environment.id.clone());
        recorder.record(&Event::AttemptStarted { cell: cell.id.clone(), attempt, environment: id }).expect("records");
        for events in told {
            for part in events.chunks(if together { events.len() } else { 1 }) {
                recorder.record_all(part).expect("records");
            }
            recorded += u32::try_from(events.len()).expect("few samples");
        }
        let (outcome, reason) = (Status::Pass, String::new());
        let ended = Event::AttemptEnded { cell: cell.id.clone(), attempt, outcome, reason: reason.clone() };
        recorder.record(&ended).expect("records");
        recorder.record(&Event::CellFinished { cell: cell.id.clone(), status: outcome, reason }).expect("records");
    }
    recorder.record(&Event::RunFinished { status: RunStatus::Finished }).expect("records");
    (recorded, start.elapsed().as_secs_f64())
}

/// The samples of a cell: what is told together stands together.
fn sampled(cell: &Cell, blocks: u32) -> Vec<Vec<Event>> {
    let arms = [(Arm::Baseline, 1.0), (Arm::Treatment, 0.8)];
    let of = |(arm, share): (Arm, f64), block: u32, metrics: &[&str]| -> Vec<Event> {
        let sample = |(i, metric): (u32, &&str)| {
            // No two blocks are alike, as in a browser.
            let value = share * (100.0 + f64::from((block * 37 + i * 11) % 17));
            let measure = Measure { metric: (*metric).into(), value, unit: "ms".into() };
            Event::Sampled { cell: cell.id.clone(), attempt: 1, arm, block, measure, valid: true }
        };
        (0..).zip(metrics).map(sample).collect()
    };
    let pages = arms.map(|arm| of(arm, 0, &ONCE));
    let turns = (0..blocks).map(|block| arms.into_iter().flat_map(|arm| of(arm, block, &IN_TURNS)).collect());
    pages.into_iter().chain(turns).collect()
}

/// Times what `matrix report`, `matrix query` and `matrix history` ask.
fn ask(path: &std::path::Path) {
    let limit = Duration::from_secs(600);
    let timed = |what: &str, ask: &dyn Fn() -> usize| {
        let start = Instant::now();
        let found = ask();
        println!("{what}: {:.3} s ({found})", start.elapsed().as_secs_f64());
    };
    for (what, sql) in [
        (
            "the guide's query",
            "SELECT model_name, AVG(improvement_percent) FROM webgpu_optimizations WHERE optimization_type='int4' GROUP BY model_name",
        ),
        ("the compatibility view", "SELECT * FROM compat"),
        ("every effect of a run", "SELECT * FROM webgpu_optimizations ORDER BY model_name"),
        (
            "all samples of a metric, averaged",
            "SELECT arm, avg(value) FROM sample WHERE metric = 'infer_time' GROUP BY arm",
        ),
    ] {
        timed(what, &|| query(path, sql, limit).expect("answers").rows.len());
    }
    let rows = query(path, "SELECT count(*) FROM sample", limit).expect("answers");
    assert!(matches!(rows.rows[0][0], Value::Integer(count) if count > 0));
    let store = matrix_driver::store::Store::open(path, matrix_driver::store::Access::Read).expect("opens");
    let run = store.run(None).expect("a run");
    timed("the report: everything it shows", &|| View::read(&store, &run).expect("a view").cells.len());
    let view = View::read(&store, &run).expect("a view");
    let look = Look { width: Some(120), colour: false };
    timed("the report: its HTML, in bytes", &|| {
        render(&view, Kind::Compat, Format::Html, look, None).expect("renders").len()
    });
}
