//! A thousand cells in one page.

#[allow(dead_code, reason = "other tests use the rest")]
mod sample_run;

use std::path::Path;

use matrix_driver::plan::Cell;
use matrix_driver::report::{Format, Kind, Look, View, render};
use matrix_driver::run::event::{Arm, Event, RunStatus};
use matrix_driver::store::Recorder;
use matrix_engine::protocol::Measure;

/// Metrics that a run takes beside those of the sample run.
const MORE: [&str; 10] = [
    "prefill_time",
    "token_time",
    "fetch_time",
    "convert_time",
    "memory_live",
    "process_memory",
    "gpu_process_memory",
    "page_memory",
    "accuracy.top1",
    "accuracy.kl",
];

/// The sample run's cells over and over, under other names: all statuses, all kinds of devices.
fn record(path: &Path, count: usize) -> Recorder {
    let plan = sample_run::plan();
    let mut recorder = sample_run::recorder(path);
    let named = |i: usize, cell: &Cell| {
        let mut named = cell.clone();
        named.id = format!("{i:04x}{}", &cell.id[..8]);
        // What the sample run does depends on the model's name.
        named
    };
    // Only those that ran: they are the long ones.
    let ran = |cell: &&Cell| {
        let (browser, platform) = (cell.browser.name(), cell.platform.name());
        browser != "edge" && (browser, platform) != ("safari", "webgpu")
    };
    let ran: Vec<&Cell> = plan.cells.iter().filter(ran).collect();
    let cells: Vec<Cell> = ran.into_iter().cycle().take(count).enumerate().map(|(i, cell)| named(i, cell)).collect();
    recorder.record(&Event::RunStarted { run: sample_run::run_info(&plan), cells: cells.clone() }).expect("records");
    for cell in &cells {
        let mut events = sample_run::cell_events(cell);
        let more = events.iter().rposition(|event| matches!(event, Event::Sampled { .. }));
        if let Some(at) = more {
            let Event::Sampled { attempt, .. } = events[at] else { unreachable!("found as one") };
            let of = |arm, block: u32, metric: &str| {
                let value = 1e3 + f64::from((block * 7) % 5) + if arm == Arm::Baseline { 100.0 } else { 0.0 };
                let measure = Measure { metric: metric.into(), value, unit: "u".into() };
                Event::Sampled { cell: cell.id.clone(), attempt, arm, block, measure, valid: true }
            };
            let all = MORE.iter().flat_map(|metric| {
                (0..12).flat_map(move |block| [Arm::Baseline, Arm::Treatment].map(|arm| (metric, block, arm)))
            });
            events.splice(at..at, all.map(|(metric, block, arm)| of(arm, block, metric)));
        }
        recorder.record_all(&events).expect("records");
    }
    recorder.record(&Event::RunFinished { status: RunStatus::Finished }).expect("records");
    recorder
}

#[test]
fn a_thousand_cells_fit_into_two_megabytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = record(&folder.path().join("matrix.db"), 1000);
    let store = recorder.store();
    let view = View::read(store, &store.run(None).expect("a run")).expect("a view");
    assert!(view.brief && view.cells.len() == 1000);
    let look = Look { width: Some(120), colour: false };
    let html = render(&view, Kind::Compat, Format::Html, look, None).expect("renders");
    // For a person: CARGO_TARGET_TMPDIR/large_report.html.
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("large_report.html"), &html).expect("writes");
    assert!(html.len() <= 2_000_000, "{} bytes", html.len());
    for cell in &view.cells {
        assert_eq!(html.matches(&format!("id=\"cell-{}\"", cell.key)).count(), 1, "each cell has its evidence");
    }
    let dots = html.matches("z").count();
    assert!(dots > 1000 * 12, "{dots} samples are plotted");
    // What is left out there is told when one cell is asked for.
    let one = view.only(&view.cells[0].key).expect("a cell");
    let page = render(&one, Kind::Compat, Format::Html, look, None).expect("renders");
    assert!(page.contains("Memory of the GPU process") && page.contains("Clock step"), "{page}");
}
