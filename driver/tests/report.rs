//! Reports of the scripted run, in every format.

mod sample_run;

use clap::ValueEnum as _;
use std::path::Path;

use matrix_driver::error::ExitCode;
use matrix_driver::report::{Format, Kind, Look, Support, View, render};
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
        insta::with_settings!({ snapshot_path => "snapshots/report", prepend_module_to_snapshot => false, omit_expression => true }, {
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
        "minilm, bert-tiny (synthetic): as expected, WebKitGTK has no WebGPU",
    ] {
        assert!(notes.contains(&said), "{said}\n{notes:#?}");
    }
    assert!(
        notes.iter().any(|note| note.starts_with("minilm, bert-tiny (synthetic): expected infer_time at most +15%, measured +")),
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
            let bare = text.replace("bert-tiny (synthetic)", "");
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
    for foreign in ["src=", "@import", "url(", "http://", "<link"] {
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
    assert!(error.to_string().starts_with("the template compat.md, line 2: undefined value"), "{error}");
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
