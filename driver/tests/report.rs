//! Reports of the scripted run, in every format.

mod sample_run;

use clap::ValueEnum as _;
use std::path::Path;

use matrix_driver::error::ExitCode;
use matrix_driver::report::{Format, Held, Kind, Look, Support, View, render};
use matrix_driver::run::event::{Event, RunInfo};
use tempfile::TempDir;

const PLAIN: Look = Look { width: Some(150), colour: false };

fn view() -> (TempDir, View) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = sample_run::recorder(&folder.path().join("matrix.db"));
    recorder.record_all(&sample_run::events(&sample_run::plan())).expect("records");
    let store = recorder.store();
    let view = View::read(store, &store.run(None).expect("a run")).expect("a view");
    (folder, view)
}

fn rendered(kind: Kind, format: Format) -> String {
    render(&view().1, kind, format, PLAIN, None).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

/// Holds a text in `snapshots/report`.
macro_rules! hold {
    ($name:literal, $text:expr) => {
        // Ids of cells change with every new option; what they are is tested where they are made.
        let filters = [(r"\b[0-9a-f]{12}\b", "[cell]")];
        insta::with_settings!({ snapshot_path => "snapshots/report", prepend_module_to_snapshot => false, omit_expression => true, filters => filters }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

#[test]
fn the_terminal_shows_both_tables() {
    hold!("compat_table", rendered(Kind::Compat, Format::Table));
    hold!("effects_table", rendered(Kind::WebOptimizations, Format::Table));
}

#[test]
fn markdown_shows_both_tables() {
    hold!("compat_md", rendered(Kind::Compat, Format::Markdown));
    hold!("web_optimizations_md", rendered(Kind::WebOptimizations, Format::Markdown));
}

#[test]
fn csv_and_json_hold_the_data() {
    hold!("compat_csv", rendered(Kind::Compat, Format::Csv));
    let csv = rendered(Kind::WebOptimizations, Format::Csv);
    assert!(
        csv.lines().nth(1).expect("a row").starts_with("chrome,webgpu,minilm,0,int4,pass,load_time,400,130,67.5,"),
        "{csv}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&rendered(Kind::WebOptimizations, Format::Json)).expect("is JSON");
    hold!("json_shape", shape(&json, 0));
    let compat: serde_json::Value = serde_json::from_str(&rendered(Kind::Compat, Format::Json)).expect("is JSON");
    assert_eq!(compat["rows"][0]["entries"][0]["support"], "full");
}

#[test]
fn other_programs_get_their_own_formats() {
    hold!("junit", rendered(Kind::Compat, Format::Junit));
    hold!("bcd", rendered(Kind::Compat, Format::Bcd));
    hold!("github", rendered(Kind::Compat, Format::Github));
}

#[test]
fn claims_stand_beside_what_was_measured() {
    let (_folder, view) = view();
    let claim = |claimed: &str| view.claims.iter().find(|claim| claim.claimed.contains(claimed)).expect("a claim");
    // 13.4 of 45.4 MB, which is half of what f32 takes: 70.4 %, where 75 % are claimed.
    assert_eq!(
        (claim("less weight memory").measured.as_str(), claim("less weight memory").held),
        ("+70.4 %", Held::Short)
    );
    assert_eq!((claim("loss of accuracy").cells, claim("loss of accuracy").held), (8, Held::Confirmed));
    assert_eq!(claim("faster on long sequences").held, Held::NotMeasured);
    let firefox = view.support.iter().find(|row| row.title == "Firefox").expect("a row");
    assert_eq!((firefox.entries[0].claimed, firefox.entries[0].measured), ("Full", Support::Limited));
    assert_eq!(firefox.entries[1].measured, Support::NotRun);
    let embedding = view.recommendations.iter().find(|row| row.group == "Embedding models").expect("a row");
    assert_eq!(embedding.models, ["minilm", "bert-tiny (synthetic)"]);
    assert!(embedding.recommended[0].1.starts_with("Weights on the device +85.2 % (8 cells)"), "{embedding:?}");
}

#[test]
fn claims_and_memory_are_lists_of_their_own() {
    hold!("claims_md", rendered(Kind::Claims, Format::Markdown));
    let memory = rendered(Kind::Memory, Format::Csv);
    assert!(memory.lines().any(|line| line.contains("Peak device memory: activations,6.0 MB,6.0 MB,0 %")), "{memory}");
    let json: serde_json::Value = serde_json::from_str(&rendered(Kind::Claims, Format::Json)).expect("is JSON");
    assert_eq!(json["support"][0]["entries"][0]["claimed"], "Full");
    assert!(json["recommendations"].as_array().is_some_and(|rows| rows.len() == 6));
}

#[test]
fn effects_over_runs_become_a_chart() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = sample_run::plan();
    let mut recorder = sample_run::recorder(&folder.path().join("matrix.db"));
    for day in 1..=3 {
        for event in sample_run::events(&plan) {
            let event = match event {
                Event::RunStarted { run, cells } => {
                    let (id, started_at) = (format!("run-{day}"), format!("2026-03-{day:02}T10:00:00Z"));
                    Event::RunStarted { run: RunInfo { id, started_at, ..run }, cells }
                }
                other => other,
            };
            recorder.record(&event).expect("records");
        }
    }
    let store = recorder.store();
    let of = |run: &str| View::read(store, &store.run(Some(run)).expect("a run")).expect("a view");
    let names = |view: &View| view.charts.iter().map(|chart| chart.name.clone()).collect::<Vec<_>>();
    assert!(names(&of("run-3")).contains(&"trend:int4:infer_time".to_owned()));
    assert!(!names(&of("run-1")).iter().any(|name| name.starts_with("trend")), "later runs are not its past");
    let html = render(&of("run-3"), Kind::Compat, Format::Html, PLAIN, None).expect("renders");
    assert!(html.contains("over runs") && html.contains("No change of level was found"));
}

#[test]
fn a_failed_cell_shows_its_picture_and_its_page_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = sample_run::plan();
    let mut recorder = sample_run::recorder(&folder.path().join("matrix.db"));
    recorder.record_all(&sample_run::events(&plan)).expect("records");
    let failed = plan.cells.iter().find(|cell| cell.browser.name() == "firefox" && cell.model.name == "bert-tiny");
    let cell = failed.expect("a cell").id.clone();
    let bytes = b"\x89PNG\r\n\x1a\n and so on".to_vec();
    recorder.record(&Event::Kept { cell: cell.clone(), kind: "screenshot".into(), bytes }).expect("records");
    let store = recorder.store();
    let view = View::read(store, &store.run(None).expect("a run")).expect("a view");
    let page = |view: &View| render(view, Kind::Compat, Format::Html, PLAIN, None).expect("renders");
    assert_eq!(page(&view).matches("src=\"data:image/png;base64,").count(), 1);
    let one = page(&view.only(&cell[..8]).expect("a cell"));
    for part in
        ["data:image/png;base64,", "cosine 0.62 is below 0.95", "Clock step", "--headless=new", "alert(", "Outliers"]
    {
        assert!(one.contains(part), "{part}");
    }
    assert_eq!(one.matches("<article class=\"cell\"").count(), 1);
    assert!(view.only("nothing").is_err() && view.only("").is_err());
}

/// The keys and kinds of a JSON value; lists by their first element.
fn shape(value: &serde_json::Value, depth: usize) -> String {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String as Text};
    let inner = |value| shape(value, depth + 1);
    match value {
        Null => "null".into(),
        Bool(_) => "bool".into(),
        Number(_) => "number".into(),
        Text(_) => "text".into(),
        Array(values) => values.first().map_or("[]".into(), |first| format!("[{}]", inner(first))),
        Object(entries) => {
            let lines =
                entries.iter().map(|(key, value)| format!("\n{}{key}: {}", "  ".repeat(depth + 1), inner(value)));
            lines.collect()
        }
    }
}

#[test]
fn entries_say_what_the_cells_did() {
    let (_folder, view) = view();
    let support = |browser: &str, platform: &str| {
        let row = view.rows.iter().find(|row| row.browser == browser && row.platform == platform).expect("a row");
        row.entries[0].support
    };
    assert_eq!(support("chrome", "webgpu"), Support::Full);
    assert_eq!(support("edge", "wasm"), Support::NotRun);
    assert_eq!(support("firefox", "webgpu"), Support::Limited);
    assert_eq!(support("safari", "webgpu"), Support::None);
    assert_eq!(support("safari", "wasm"), Support::Limited);
    let notes: Vec<&str> = view.notes.iter().map(|note| note.text.as_str()).collect();
    for said in [
        "Chromium 141.0.7390.54 stands in for Chrome",
        "WebKitGTK MiniBrowser 2.50.1 stands in for Safari",
        "SwiftShader Device (LLVM 16.0.0) (software adapter): no GPU, its times are those of a CPU",
        "minilm: passed only on a retry: attempt 1: the tab went away",
        "as expected, WebKitGTK has no WebGPU",
    ] {
        assert!(notes.contains(&said), "{said}\n{notes:#?}");
    }
    assert!(
        notes.iter().any(|note| note.starts_with("expected infer_time at most +15%, measured: minilm +")),
        "{notes:#?}"
    );
}

#[test]
fn synthetic_weights_are_said_wherever_their_numbers_are() {
    let (_folder, view) = view();
    assert!(view.cells.iter().filter(|cell| cell.model == "bert-tiny").all(|cell| cell.title.contains("(synthetic)")));
    // A narrow table breaks the line between name and mark.
    let wide = Look { width: Some(400), colour: false };
    for format in [Format::Table, Format::Html, Format::Markdown] {
        for kind in [Kind::Compat, Kind::WebOptimizations] {
            let text = render(&view, kind, format, wide, None).expect("renders");
            // Where there is little room a sign stands for the word.
            assert!(!text.contains('†') || text.contains("†: synthetic"), "{kind:?} {format:?}");
            let bare = text.replace("bert-tiny (synthetic)", "").replace("bert-tiny†", "");
            assert!(text.len() > bare.len() && !bare.contains("bert-tiny"), "{kind:?} {format:?}");
        }
    }
}

#[test]
fn a_hostile_browser_cannot_write_into_the_page() {
    let html = rendered(Kind::Compat, Format::Html);
    assert!(!html.contains("<script"), "a script got in");
    assert!(html.contains("&lt;script&gt;"), "the text itself must be shown");
    assert!(!html.contains('\u{202e}') && !html.contains('\u{1b}'));
    assert!(html.contains("--flag=&lt;a&gt;"));
    let markdown = rendered(Kind::Compat, Format::Markdown);
    assert!(!markdown.contains("<script"), "{markdown}");
    let table = rendered(Kind::Compat, Format::Table);
    assert!(!table.contains('\u{1b}') && !table.contains('\u{202e}'));
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let html = rendered(Kind::Compat, Format::Html);
    for foreign in ["src=\"http", "src=\"/", "@import", "url(", "http://", "<link"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for cell in &view().1.cells {
        assert!(html.contains(&format!("id=\"cell-{}\"", cell.key)));
    }
    // The same page for a person: CARGO_TARGET_TMPDIR/report.html.
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html"), html).expect("writes");
}

#[test]
fn a_users_template_takes_the_place_of_ours() {
    let (_folder, view) = view();
    let templates = tempfile::tempdir().expect("a folder");
    std::fs::write(templates.path().join("compat.md"), "{{ run.name }}: {{ rows|length }} rows").expect("writes");
    let text = render(&view, Kind::Compat, Format::Markdown, PLAIN, Some(templates.path())).expect("renders");
    assert_eq!(text, "sample: 8 rows");
    std::fs::write(templates.path().join("compat.md"), "one\n{{ run.nmae }}").expect("writes");
    let error = render(&view, Kind::Compat, Format::Markdown, PLAIN, Some(templates.path())).expect_err("a typo");
    assert_eq!(error.exit_code(), ExitCode::Usage);
    assert!(error.to_string().starts_with("the template compat.md, line 2: undefined value: `run.nmae`"), "{error}");
    let shown = error.render(false);
    assert!(shown.contains("compat.md:2:") && shown.contains("^^^^"), "{shown}");
    // A part that another template includes.
    std::fs::write(templates.path().join("cell.html"), "<p>\n\n{{ cell.titel }}\n").expect("writes");
    let error = render(&view, Kind::Compat, Format::Html, PLAIN, Some(templates.path())).expect_err("a typo");
    assert!(error.to_string().contains("cell.html, line 3") && error.to_string().contains("cell.titel"), "{error}");
    std::fs::write(templates.path().join("cell.html"), "{% if %}").expect("writes");
    let error = render(&view, Kind::Compat, Format::Html, PLAIN, Some(templates.path())).expect_err("no template");
    assert!(error.to_string().contains("cell.html, line 1: syntax error"), "{error}");
}

#[test]
fn a_run_that_is_under_way_can_be_shown() {
    let plan = sample_run::plan();
    let folder = tempfile::tempdir().expect("a folder");
    let mut recorder = sample_run::recorder(&folder.path().join("matrix.db"));
    recorder.record_all(&sample_run::events(&plan)[..20]).expect("records");
    let store = recorder.store();
    let view = View::read(store, &store.run(None).expect("a run")).expect("a view");
    assert_eq!(view.summary.sentence, "0 of 16 cells passed, 16 not run");
    for &format in Format::value_variants() {
        let text = render(&view, Kind::Compat, format, PLAIN, None).expect("renders");
        assert!(!text.is_empty());
    }
}
