//! What a matrix file says, and every message about what it should not say.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use matrix_driver::error::{Error, ExitCode};
use matrix_driver::plan::Plan;
use matrix_driver::spec::{Flags, Origin, Spec};

fn inputs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/input")
}

/// No environment variable is set.
fn unset(_: &str) -> Option<String> {
    None
}

fn plan(path: &Path) -> Result<Plan, Error> {
    Plan::new(&Spec::read(path, &Flags::default(), unset)?, None, None)
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("inputs have names").to_string_lossy().into_owned()
}

#[test]
fn every_wrong_file_is_refused_with_a_text_that_helps() {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(inputs()).expect("inputs").map(|entry| entry.expect("entry").path()).collect();
    files.retain(|path| stem(path).starts_with("err_"));
    files.sort();
    assert!(files.len() > 40, "inputs are missing");
    let here = inputs().display().to_string();
    for path in files {
        let error = plan(&path).expect_err(&stem(&path));
        let text = error.render(false).replace(&format!("{here}/"), "");
        let exit = error.exit_code();
        let expected = if stem(&path) == "err_nothing_to_run" { ExitCode::NothingToRun } else { ExitCode::Usage };
        assert_eq!(exit, expected, "{text}");
        insta::with_settings!({ snapshot_path => "snapshots/spec", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(stem(&path), text);
        });
    }
}

#[test]
fn a_missing_file_suggests_its_neighbour() {
    let error = plan(&inputs().join("ok_ful.yaml")).expect_err("is not there").render(false);
    assert!(error.contains("ok_full.yaml?"), "{error}");
    let folder = plan(&inputs()).expect_err("is a folder").render(false);
    assert!(folder.contains("is a folder"), "{folder}");
}

#[test]
fn a_file_of_megabytes_is_refused_unread() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(2 << 20).expect("grows");
    let error = plan(file.path()).expect_err("too large").render(false);
    assert!(error.contains("a matrix has at most 1048576"), "{error}");
}

#[test]
fn the_full_file_means_what_it_says() {
    let plan = plan(&inputs().join("ok_full.yaml")).expect("a plan");
    let mut text = format!("{}\n", plan.name);
    for cell in &plan.cells {
        let expect = cell.expect.as_ref().map(|e| format!("{}: {}", e.status, e.why)).unwrap_or_default();
        writeln!(
            text,
            "{:8} {:10} {:14} {:5} {expect}",
            cell.browser.name(),
            cell.platform.name(),
            cell.model.name,
            cell.optimization()
        )
        .expect("a string");
    }
    let int4 = plan.cells[0].treatment.integer.as_ref().expect("int4 is on");
    writeln!(text, "int4: {int4:?}").expect("a string");
    for goal in &plan.cells[0].goals {
        writeln!(text, "{goal} ({})", goal.metric).expect("a string");
    }
    insta::with_settings!({ snapshot_path => "snapshots/spec", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("ok_full", text);
    });
}

#[test]
fn flags_beat_the_file_and_the_file_beats_the_environment() {
    let environment = |name: &str| match name {
        "WEBGPU_QUANTIZATION_GROUP_SIZE" => Some("256".to_owned()),
        _ => None,
    };
    let group = |path: &str, flags: &Flags| {
        let spec = Spec::read(&inputs().join(path), flags, environment).expect("a spec");
        let found =
            spec.origins.iter().find(|sourced| sourced.key == "optimizations.int4.group_size").expect("is listed");
        let plan = Plan::new(&spec, None, None).expect("a plan");
        let size = plan.cells[0].treatment.integer.as_ref().expect("int4 is on").group_size;
        assert_eq!(size.to_string(), found.value);
        (size, found.origin.clone())
    };
    let flag = Flags { settings: vec![("int4".into(), "group_size".into(), "32".into())], ..Flags::default() };
    assert_eq!(group("ok_full.yaml", &flag), (32, Origin::Flag));
    assert_eq!(group("ok_full.yaml", &Flags::default()), (64, Origin::File(inputs().join("ok_full.yaml"))));
    assert_eq!(group("ok_least.yaml", &Flags::default()), (256, Origin::Variable("WEBGPU_QUANTIZATION_GROUP_SIZE")));
}

#[test]
fn a_matrix_needs_no_file() {
    let on = |name: &str| (name == "WEBGPU_DEFAULT_TO_4BIT").then(|| "1".to_owned());
    let flags = Flags { models: vec!["bert-small".into()], ..Flags::default() };
    let spec = Spec::from_flags(&flags, on).expect("a spec");
    let plan = Plan::new(&spec, None, None).expect("a plan");
    assert_eq!(plan.cells.len(), 1);
    assert_eq!(plan.cells[0].optimization(), "int4");
}

#[test]
fn wrong_flags_and_variables_are_refused() {
    let with = |change: fn(&mut Flags)| {
        let mut flags = Flags { models: vec!["bert".into()], optimizations: vec!["int4".into()], ..Flags::default() };
        change(&mut flags);
        flags
    };
    let texts = [
        Spec::from_flags(&with(|flags| flags.models = vec!["brt".into()]), unset),
        Spec::from_flags(&with(|flags| flags.models.clear()), unset),
        Spec::from_flags(&with(|flags| flags.optimizations.clear()), unset),
        Spec::from_flags(&with(|flags| flags.optimizations = vec!["4bit".into()]), unset),
        Spec::from_flags(&with(|flags| flags.settings = vec![("int4".into(), "bits".into(), "4".into())]), unset),
        Spec::from_flags(&with(|flags| flags.settings = vec![("int4".into(), "group_size".into(), "x".into())]), unset),
        Spec::from_flags(&with(|flags| flags.max_samples = Some(2)), unset),
        Spec::from_flags(&with(|_| ()), |name| (name == "WEBGPU_QUANTIZATION_SCHEME").then(|| "assymetric".into())),
        Spec::from_flags(&with(|_| ()), |name| (name == "WEBGPU_DEFAULT_TO_4BIT").then(|| "maybe".into())),
    ]
    .map(|spec| spec.expect_err("is refused").render(false));
    insta::with_settings!({ snapshot_path => "snapshots/spec", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("flags", texts.join("\n\n"));
    });
}

#[test]
fn included_cells_may_be_set_otherwise() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../matrices/kv_cache.yaml");
    let plan = plan(&path).expect("a plan");
    let first: Vec<_> = plan.cells.iter().take_while(|cell| cell.model == plan.cells[0].model).collect();
    let caches: Vec<_> = first.iter().map(|cell| cell.treatment.kv_cache.clone().expect("a cache")).collect();
    let set =
        caches.iter().map(|cache| (cache.bits, cache.window, cache.prune.as_ref().map(|prune| prune.keep_percent)));
    let pruned = Some(50);
    assert_eq!(
        set.collect::<Vec<_>>(),
        [(Some(4), Some(96), pruned), (Some(4), None, None), (None, Some(96), None), (None, None, pruned)],
        "what is not written is as in the rest of the matrix"
    );
    let variants: Vec<&str> = first.iter().map(|cell| cell.variant.as_str()).collect();
    assert_eq!(
        variants,
        ["", "window none, prune.policy none", "bits none, prune.policy none", "bits none, window none"]
    );
    assert_eq!(first[3].title(), "Chrome · webgpu · llama-tiny (synthetic) · kv_cache (bits none, window none)");
    let ids: std::collections::HashSet<&str> = plan.cells.iter().map(|cell| cell.id.as_str()).collect();
    assert_eq!(ids.len(), 3 * 2 * 3 * 4, "browsers, platforms, models, ways");
}
