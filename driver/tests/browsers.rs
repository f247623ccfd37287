//! The whole program in real browsers. A browser that `matrix setup` installs and that is missing
//! fails its test. One test at a time: browsers on a small machine disturb each other.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

fn matrix(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matrix")).current_dir(root()).args(arguments).output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every reference case on one platform of one browser equals the reference.
fn conforms(browser: &str, platform: &str) {
    let _alone = alone();
    let cases = root().join("engine/tests/reference");
    let folders = std::fs::read_dir(cases).expect("the cases").map(|entry| entry.expect("a case").path());
    let folders: Vec<String> = folders.map(|path| path.display().to_string()).collect();
    assert!(folders.len() >= 4, "cases are missing");
    let mut arguments = vec!["conformance", "--browser", browser, "--platform", platform, "--json"];
    arguments.extend(folders.iter().map(String::as_str));
    let output = matrix(&arguments);
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr)));
    for line in &lines {
        println!("{browser} {platform} {line}");
    }
    assert_eq!(lines.len(), folders.len());
    assert!(lines.iter().all(|line| line["status"] == "pass"), "{lines:#?}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn chromium_webgpu_equals_the_reference() {
    conforms("chrome", "webgpu");
}

#[test]
fn chromium_wasm_equals_the_reference() {
    conforms("chrome", "wasm");
}

#[test]
fn firefox_webgpu_equals_the_reference() {
    conforms("firefox", "webgpu");
}

#[test]
fn firefox_wasm_equals_the_reference() {
    conforms("firefox", "wasm");
}

#[test]
fn webkitgtk_wasm_equals_the_reference() {
    conforms("safari", "wasm");
}

/// Every kernel there is compiles in every browser that has WebGPU; what one rejects is listed.
#[test]
fn every_kernel_compiles_in_chromium_and_firefox() {
    let _alone = alone();
    let output = matrix(&["doctor", "--kernels", "--browser", "chrome,firefox", "--json"]);
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr)));
    for finding in &findings {
        let kernels = &finding["kernels"];
        println!("{}: {kernels:#}", finding["browser"]);
        assert!(kernels["compiled"].as_u64().is_some_and(|count| count > 100), "{finding:#}");
        assert_eq!(kernels["rejected"].as_array().map(Vec::len), Some(0), "{finding:#}");
    }
    assert_eq!((findings.len(), output.status.code()), (2, Some(0)));
}

fn query(db: &str, sql: &str) -> Vec<Value> {
    let output = matrix(&["query", "--db", db, "--format", "json", "--sql", sql]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("rows")
}

#[test]
fn real_sentences_have_the_same_embedding_in_every_browser() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("matrix.db").display().to_string();
    let out = folder.path().display().to_string();
    let output = matrix(&[
        "run",
        "--model",
        "minilm",
        "--browser",
        "chrome,firefox,safari",
        "--platform",
        "webgpu,wasm",
        "--quantization",
        "4bit",
        "--min-samples",
        "2",
        "--max-samples",
        "2",
        "--db",
        &db,
        "--output-dir",
        &out,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));

    let cells = query(&db, "SELECT browser, platform, status, reason, synthetic_weights FROM cell");
    let unsupported = |cell: &&Value| cell["browser"] == "safari" && cell["platform"] == "webgpu";
    assert_eq!(cells.len(), 6);
    assert!(cells.iter().filter(unsupported).all(|cell| cell["status"] == "unsupported"), "{cells:#?}");
    assert!(cells.iter().filter(|cell| !unsupported(cell)).all(|cell| cell["status"] == "pass"), "{cells:#?}");
    assert!(cells.iter().all(|cell| cell["synthetic_weights"] == 0));

    let cosine = "SELECT arm, value FROM sample WHERE metric = 'accuracy.cosine'";
    let least = |arm: &str| {
        let values = query(&db, cosine).into_iter().filter(|row| row["arm"] == arm);
        values.map(|row| row["value"].as_f64().expect("a number")).fold(f64::INFINITY, f64::min)
    };
    assert!(least("baseline") >= 0.9999, "f32: {}", least("baseline"));
    assert!(least("treatment") > 0.9 && least("treatment") < 0.9999, "int4 costs something: {}", least("treatment"));

    let seen = query(&db, "SELECT browser, product, browser_version, command_line FROM environment");
    let command_line = |browser: &str| {
        let row = seen.iter().find(|row| row["browser"] == browser).expect("an environment");
        row["command_line"].as_str().expect("text").to_owned()
    };
    assert!(command_line("chrome").contains("--enable-unsafe-webgpu"), "{}", command_line("chrome"));
    assert!(seen.iter().any(|row| row["product"] == "WebKitGTK MiniBrowser"), "{seen:#?}");
    let heap = query(&db, "SELECT value FROM sample WHERE metric = 'js_heap'");
    assert!(!heap.is_empty(), "DevTools told no heap");
    let report = std::fs::read_dir(folder.path()).expect("the folder").filter_map(Result::ok);
    let report = report.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|kind| kind == "html"));
    let report = std::fs::read_to_string(report.expect("a report")).expect("text");
    assert!(report.contains("WebKitGTK") && report.contains("Chromium"), "stand-ins are named");
}

#[test]
fn the_first_layer_runs_before_the_last_arrives_in_a_page() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("early.yaml");
    let matrix_file = "name: early\nbrowsers: [chrome]\nplatforms: [webgpu, wasm]\nmodels: [{family: llama, size: tiny}]\n\
        optimizations:\n  progressive_loading: {overlap: yes}\n\
        scenario: {tokens: 16, decode: 4}\nsampling: {min: 2, max: 2, pages: 2}\n";
    std::fs::write(&file, matrix_file).expect("written");
    let db = folder.path().join("matrix.db").display().to_string();
    let out = folder.path().display().to_string();
    let output = matrix(&["run", &file.display().to_string(), "--db", &db, "--output-dir", &out]);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let samples = |metric: &str, arm: &str| -> Vec<f64> {
        let sql = format!("SELECT value FROM sample WHERE metric = '{metric}' AND arm = '{arm}'");
        query(&db, &sql).iter().map(|row| row["value"].as_f64().expect("a number")).collect()
    };
    for metric in ["time_to_first_infer", "load_time"] {
        println!("{metric}: {:?} {:?}", samples(metric, "baseline"), samples(metric, "treatment"));
    }
    let early = samples("early_stages", "treatment");
    assert!(early.len() == 4 && early.iter().all(|stages| *stages > 0.0), "{early:?}");
    assert!(samples("early_stages", "baseline").is_empty());
    assert!(samples("load_time", "treatment").iter().all(|ms| *ms > 0.0));
    assert!(samples("accuracy.cosine", "treatment").iter().all(|cosine| *cosine > 0.9999));
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_run_leaves_no_process_and_can_go_on() {
    use std::time::{Duration, Instant};

    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("matrix.db").display().to_string();
    let out = folder.path().display().to_string();
    let mut arguments = vec![
        "run",
        "--model",
        "bert,roberta",
        "--browser",
        "chrome",
        "--platform",
        "wasm",
        "--quantization",
        "4bit",
        "--min-samples",
        "400",
        "--max-samples",
        "400",
        "--budget",
        "60",
        "--db",
        &db,
        "--output-dir",
        &out,
    ];
    let started = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_matrix"));
    command.current_dir(root()).args(&arguments).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("runs");
    let sampled = || {
        let sql = "SELECT count(*) AS n FROM sample WHERE metric = 'infer_time'";
        let output = matrix(&["query", "--db", &db, "--format", "json", "--sql", sql]);
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        rows.first().and_then(|row| row["n"].as_i64()).unwrap_or(0)
    };
    while sampled() == 0 {
        assert!(started.elapsed() < Duration::from_secs(120), "nothing was sampled");
        std::thread::sleep(Duration::from_millis(100));
    }
    let marks = sessions_of(child.id());
    assert!(!marks.is_empty(), "the run has browser processes");
    // As when a terminal is closed: it says so, and nobody reads what is written any more.
    drop(child.stderr.take());
    let killed = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().expect("runs");
    assert!(killed.success());
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(processes_with(&marks), Vec::<u32>::new(), "processes are left");

    let status = |db: &str| query(db, "SELECT status FROM run")[0]["status"].clone();
    assert_eq!(status(&db), "interrupted");
    let many = arguments.iter().position(|word| *word == "400").expect("a number");
    (arguments[many], arguments[many + 2]) = ("2", "2");
    arguments.extend(["--resume", "latest"]);
    let output = matrix(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(status(&db), "finished");
    let open = query(&db, "SELECT count(*) AS n FROM cell WHERE status IS NOT 'pass'");
    assert_eq!(open[0]["n"], 0);
}

/// The marks of the sessions that a run has open: read from the environment of its children.
#[cfg(target_os = "linux")]
fn sessions_of(parent: u32) -> Vec<String> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).expect("the run's threads");
    let of_threads =
        threads.filter_map(Result::ok).map(|thread| std::fs::read_to_string(thread.path().join("children")));
    let all = of_threads.filter_map(Result::ok).chain([children]).collect::<Vec<_>>().join(" ");
    let mut marks: Vec<String> = all.split_whitespace().filter_map(|pid| mark(pid.parse().ok()?)).collect();
    marks.dedup();
    marks
}

#[cfg(target_os = "linux")]
fn mark(pid: u32) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let environment = text(&environment);
    environment.split('\0').find(|entry| entry.starts_with("MATRIX_SESSION=")).map(str::to_owned)
}

#[cfg(target_os = "linux")]
fn processes_with(marks: &[String]) -> Vec<u32> {
    let all = std::fs::read_dir("/proc")
        .expect("processes")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|pid: &u32| mark(*pid).is_some_and(|mark| marks.contains(&mark))).collect()
}
