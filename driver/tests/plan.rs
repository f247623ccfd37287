//! Plans: which cells a matrix means, whatever order it is written in.

use std::collections::HashSet;

use matrix_driver::plan::{Filter, Plan, Shard};
use matrix_driver::spec::{Flags, Spec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const BROWSERS: [&str; 5] = ["chrome", "edge", "firefox", "safari", "native"];
const PLATFORMS: [&str; 4] = ["webgpu", "wasm", "native-gpu", "native-cpu"];
const MODELS: [&str; 4] = ["bert", "roberta", "bert-small", "minilm"];

fn spec(browsers: &[&str], platforms: &[&str], models: &[&str]) -> Spec {
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    let flags = Flags {
        browsers: owned(browsers),
        platforms: owned(platforms),
        models: owned(models),
        optimizations: vec!["int4".into()],
        ..Flags::default()
    };
    Spec::from_flags(&flags, |_| None).expect("a spec")
}

fn ids(plan: &Plan) -> Vec<String> {
    plan.cells.iter().map(|cell| cell.id.clone()).collect()
}

fn shuffled(words: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(words, 1..=words.len()).prop_shuffle()
}

proptest! {
    #[test]
    fn ids_and_hash_do_not_depend_on_order(
        (browsers, mut other_browsers) in shuffled(&BROWSERS).prop_map(|words| (words.clone(), words)),
        (platforms, mut other_platforms) in shuffled(&PLATFORMS).prop_map(|words| (words.clone(), words)),
        (models, mut other_models) in shuffled(&MODELS).prop_map(|words| (words.clone(), words)),
    ) {
        other_browsers.sort_unstable();
        other_platforms.reverse();
        other_models.rotate_left(1);
        let one = Plan::new(&spec(&browsers, &platforms, &models), None, None);
        let other = Plan::new(&spec(&other_browsers, &other_platforms, &other_models), None, None);
        match (one, other) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(&one.matrix_hash, &other.matrix_hash);
                let set = |plan| ids(plan).into_iter().collect::<HashSet<_>>();
                prop_assert_eq!(set(&one), set(&other));
                prop_assert_eq!(set(&one).len(), one.cells.len());
            }
            (one, other) => prop_assert_eq!(one.is_err(), other.is_err()),
        }
    }

    #[test]
    fn shards_partition_a_plan(count in 1_usize..9, models in shuffled(&MODELS)) {
        let spec = spec(&BROWSERS, &PLATFORMS, &models);
        let whole = Plan::new(&spec, None, None).expect("a plan");
        let mut seen = Vec::new();
        for index in 1..=count {
            let shard: Shard = format!("{index}/{count}").parse().expect("a shard");
            match Plan::new(&spec, None, Some(shard)) {
                Ok(part) => {
                    prop_assert_eq!(&part.matrix_hash, &whole.matrix_hash);
                    seen.extend(ids(&part));
                }
                Err(error) => prop_assert!(error.to_string().contains("nothing to run")),
            }
        }
        seen.sort();
        let mut all = ids(&whole);
        all.sort();
        prop_assert_eq!(seen, all);
    }

    #[test]
    fn a_filter_and_its_opposite_partition_a_plan(browser in select(&BROWSERS[..]), model in select(&["bert*", "minilm"][..])) {
        let spec = spec(&BROWSERS, &PLATFORMS, &MODELS);
        let count = |text: String| {
            let filter: Filter = text.parse().expect("a filter");
            Plan::new(&spec, Some(&filter), None).map_or(0, |plan| plan.cells.len())
        };
        let inside = count(format!("browser={browser} & model={model}"));
        let outside = count(format!("browser={browser} & model!={model}")) + count(format!("browser!={browser}"));
        prop_assert_eq!(inside + outside, Plan::new(&spec, None, None).expect("a plan").cells.len());
    }
}

#[test]
fn what_is_computed_changes_the_id_and_how_often_does_not() {
    let id = |change: fn(&mut Flags)| {
        let mut flags = Flags { models: vec!["bert".into()], optimizations: vec!["int4".into()], ..Flags::default() };
        change(&mut flags);
        let plan = Plan::new(&Spec::from_flags(&flags, |_| None).expect("a spec"), None, None).expect("a plan");
        plan.cells[0].id.clone()
    };
    let base = id(|_| ());
    assert_eq!(base.len(), 12);
    assert_eq!(base, id(|flags| flags.max_samples = Some(99)));
    assert_eq!(base, id(|flags| flags.name = Some("other".into())));
    assert_ne!(base, id(|flags| flags.settings = vec![("int4".into(), "group_size".into(), "64".into())]));
    assert_ne!(base, id(|flags| flags.scenario.texts = Some(vec!["Another sentence.".into()])));
}

#[test]
fn the_id_of_a_cell_is_the_same_on_every_machine_and_day() {
    let plan = Plan::new(&spec(&["chrome"], &["webgpu"], &["bert"]), None, None).expect("a plan");
    assert_eq!(ids(&plan), ["9e8072f21187"]);
}

#[test]
fn filters_select_by_every_key() {
    let spec = spec(&BROWSERS, &PLATFORMS, &MODELS);
    let count = |text: &str| {
        let filter: Filter = text.parse().expect("a filter");
        Plan::new(&spec, Some(&filter), None).expect("a plan").cells.len()
    };
    // Four browsers with two platforms, one native with two.
    assert_eq!(count("model=minilm"), 10);
    assert_eq!(count("browser=chrome,firefox & platform!=wasm & model=minilm"), 2);
    assert_eq!(count("family=bert"), 30);
    assert_eq!(count("optimization=int*"), 40);
    let nothing: Filter = "browser=chrome & platform=native-cpu".parse().expect("a filter");
    let error = Plan::new(&spec, Some(&nothing), None).expect_err("impossible").render(false);
    assert!(error.contains("40 not in --only \"browser=chrome & platform=native-cpu\""), "{error}");
}

#[test]
fn a_matrix_that_is_far_too_large_is_refused_at_once() {
    let mut large = spec(&BROWSERS, &PLATFORMS, &["bert"]);
    let model = large.models[0].clone();
    large.models = vec![model; 2000];
    let error = Plan::new(&large, None, None).expect_err("too many cells").render(false);
    assert!(error.contains("40000 cells"), "{error}");
}
