//! A run as it could have been: every status, real and synthetic weights, hostile strings. The same every time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use matrix_driver::browser::BrowserId;
use matrix_driver::measure::Stop;
use matrix_driver::plan::{Cell, Plan};
use matrix_driver::run::environment::Environment;
use matrix_driver::run::event::{Arm, Event, RunInfo, RunStatus, Status};
use matrix_driver::spec::{Flags, Spec};
use matrix_driver::store::Recorder;
use matrix_engine::protocol::{DeviceInfo, Measure, Platform};

/// What a hostile page could call its adapter, or say in a log.
pub const HOSTILE: &str = "</script><script>alert('x')</script>\u{1b}[31m\u{202e}&\"";

/// The plan of `input/ok_sample.yaml`.
pub fn plan() -> Plan {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/input/ok_sample.yaml");
    Plan::new(&Spec::read(&path, &Flags::default(), |_| None).expect("a spec"), None, None).expect("a plan")
}

/// A recorder whose clock goes on by a second with every look.
pub fn recorder(path: &Path) -> Recorder {
    let seconds = AtomicU32::new(0);
    let clock = move || {
        let now = seconds.fetch_add(1, Ordering::Relaxed);
        format!("2026-03-01T10:{:02}:{:02}.000Z", now / 60 % 60, now % 60)
    };
    Recorder::with_clock(path, clock).expect("a recorder")
}

pub fn run_info(plan: &Plan) -> RunInfo {
    RunInfo {
        id: "20260301-100000-abcd".into(),
        name: plan.name.clone(),
        started_at: "2026-03-01T10:00:00.000Z".into(),
        matrix_hash: plan.matrix_hash.clone(),
        engine_hash: "e".repeat(64),
    }
}

/// Everything that happens in the run.
pub fn events(plan: &Plan) -> Vec<Event> {
    let mut events = vec![Event::RunStarted { run: run_info(plan), cells: plan.cells.clone() }];
    for cell in &plan.cells {
        events.extend(cell_events(cell));
    }
    events.push(Event::RunFinished { status: RunStatus::Finished });
    events
}

/// What happens to one cell.
pub fn cell_events(cell: &Cell) -> Vec<Event> {
    let gpu = cell.platform == Platform::Webgpu;
    match (cell.browser, cell.model.name.as_str()) {
        (BrowserId::Edge, _) => vec![finished(cell, Status::Unavailable, "Edge is not on this machine")],
        (BrowserId::Safari, _) if gpu => {
            attempt(cell, 1, Vec::new(), Status::Unsupported, "navigator.gpu is undefined", true)
        }
        (BrowserId::Firefox, "bert-tiny") if gpu => {
            let mut events =
                attempt(cell, 1, samples(cell, 1, 3, 0.9, 0.62), Status::Fail, "cosine 0.62 is below 0.95", true);
            events.insert(2, Event::Logged { cell: cell.id.clone(), level: "error".into(), text: HOSTILE.into() });
            events
        }
        (BrowserId::Firefox, "minilm") if gpu => {
            let mut events = attempt(cell, 1, Vec::new(), Status::Crash, "the tab went away", false);
            events.extend(attempt(cell, 2, samples(cell, 2, 12, 0.95, 0.991), Status::Pass, "", false));
            events.push(finished(cell, Status::Flaky, "attempt 1: the tab went away"));
            events
        }
        (BrowserId::Firefox, "bert-tiny") => {
            attempt(cell, 1, samples(cell, 1, 2, 1.0, 0.99), Status::Timeout, "no heartbeat for 15 s", true)
        }
        (BrowserId::Safari, _) => attempt(cell, 1, samples(cell, 1, 8, 1.6, 0.992), Status::Pass, "", true),
        _ => attempt(cell, 1, samples(cell, 1, 12, if gpu { 0.8 } else { 1.05 }, 0.993), Status::Pass, "", true),
    }
}

fn finished(cell: &Cell, status: Status, reason: &str) -> Event {
    Event::CellFinished { cell: cell.id.clone(), status, reason: reason.into() }
}

fn attempt(cell: &Cell, number: u32, samples: Vec<Event>, outcome: Status, reason: &str, is_last: bool) -> Vec<Event> {
    let environment = environment(cell.browser, cell.platform);
    let id = Some(environment.id.clone());
    let mut events = vec![
        Event::EnvironmentSeen { environment: Box::new(environment) },
        Event::AttemptStarted { cell: cell.id.clone(), attempt: number, environment: id },
    ];
    events.extend(samples);
    events.push(Event::AttemptEnded { cell: cell.id.clone(), attempt: number, outcome, reason: reason.into() });
    if is_last {
        events.push(finished(cell, outcome, reason));
    }
    events
}

fn samples(cell: &Cell, attempt: u32, blocks: u32, ratio: f64, cosine: f64) -> Vec<Event> {
    let mut events = Vec::new();
    let mut push = |arm, block, measure| {
        events.push(Event::Sampled { cell: cell.id.clone(), attempt, arm, block, measure, valid: true });
    };
    for (arm, share, load, cosine, error) in
        [(Arm::Baseline, 1.0, 400.0, 1.0, 1.2e-6), (Arm::Treatment, 0.148, 130.0, cosine, 0.031)]
    {
        let bytes = |whole: f64| (whole * share).round();
        push(arm, 0, Measure::ms("load_time", load));
        push(arm, 0, Measure::ms("first_infer_time", load / 4.0));
        push(arm, 0, Measure { metric: "weight_bytes".into(), value: bytes(90_868_000.0), unit: "bytes".into() });
        push(
            arm,
            0,
            Measure { metric: "memory_peak".into(), value: bytes(90_868_000.0) + 6_000_000.0, unit: "bytes".into() },
        );
        push(
            arm,
            0,
            Measure { metric: "memory_peak.weights".into(), value: bytes(90_868_000.0), unit: "bytes".into() },
        );
        push(arm, 0, Measure { metric: "memory_peak.activations".into(), value: 6_000_000.0, unit: "bytes".into() });
        push(arm, 0, Measure { metric: "accuracy.cosine".into(), value: cosine, unit: "ratio".into() });
        push(arm, 0, Measure { metric: "accuracy.max_abs".into(), value: error, unit: "abs".into() });
    }
    for block in 0..blocks {
        // A drift both arms share, and a wobble of their own.
        let drift = 20.0 * (1.0 + 0.01 * f64::from(block));
        let wobble = |n: u32| 1.0 + 0.01 * (f64::from((block * 7 + n * 5) % 11) - 5.0) / 5.0;
        push(Arm::Baseline, block, Measure::ms("infer_time", drift * wobble(0)));
        push(Arm::Treatment, block, Measure::ms("infer_time", drift * ratio * wobble(1)));
    }
    events.push(Event::SamplingStopped { cell: cell.id.clone(), attempt, blocks, reason: Stop::Precise });
    events
}

/// Where a cell runs.
pub fn environment(browser: BrowserId, platform: Platform) -> Environment {
    let gpu = platform == Platform::Webgpu;
    let (product, version) = match browser {
        BrowserId::Chrome => ("Chromium", "141.0.7390.54"),
        BrowserId::Firefox => ("Firefox", "144.0"),
        BrowserId::Safari => ("WebKitGTK MiniBrowser", "2.50.1"),
        _ => ("native", "0.1.0"),
    };
    let description = if browser == BrowserId::Firefox { HOSTILE } else { "SwiftShader Device (LLVM 16.0.0)" };
    Environment {
        id: format!("env-{}-{}", browser.name(), platform.name()),
        browser: Some(browser),
        product: product.into(),
        browser_version: version.into(),
        driver: "driver 1.0".into(),
        command_line: vec![product.to_lowercase(), "--headless=new".into(), "--flag=<a>".into()],
        platform: platform.name().into(),
        device: if browser == BrowserId::Safari && gpu {
            DeviceInfo::default()
        } else {
            DeviceInfo {
                kind: if gpu { "gpu" } else { "cpu" }.into(),
                vendor: if gpu { "google" } else { "" }.into(),
                architecture: if gpu { "swiftshader" } else { "" }.into(),
                description: if gpu { description.into() } else { String::new() },
                software: gpu,
                features: if gpu { vec!["shader-f16".into()] } else { vec!["simd128".into()] },
                ..DeviceInfo::default()
            }
        },
        cross_origin_isolated: true,
        visibility: "visible".into(),
        clock_step_ms: 0.005,
        user_agent: format!("Mozilla/5.0 {product}/{version}"),
        os: "Linux 6.1".into(),
        cpu: "A CPU".into(),
        cores: 2,
        engine_hash: "e".repeat(64),
        ..Environment::default()
    }
}
