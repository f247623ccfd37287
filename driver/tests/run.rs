//! Whole runs without a browser: scripted sessions, faults included, the engine's CPU path for real.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use matrix_driver::browser::BrowserId;
use matrix_driver::error::Error;
use matrix_driver::measure::Metric;
use matrix_driver::page::Server;
use matrix_driver::plan::{Plan, Profile};
use matrix_driver::run::Runner;
use matrix_driver::run::event::{Arm, Event, RunInfo, RunStatus, Status};
use matrix_driver::run::listener::{Listener, Listeners};
use matrix_driver::session::{MockLauncher, Script};
use matrix_driver::spec::{Flags, Scenario, Spec};
use tokio::sync::watch;

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Event>>>);

impl Listener for Heard {
    fn hear(&mut self, events: &[Event]) -> Result<(), Error> {
        self.0.lock().expect("no panic elsewhere").extend_from_slice(events);
        Ok(())
    }
}

fn plan(browsers: &[&str]) -> Plan {
    let flags = Flags {
        browsers: browsers.iter().map(|&browser| browser.to_owned()).collect(),
        platforms: vec!["wasm".into()],
        models: vec!["bert".into()],
        optimizations: vec!["int4".into()],
        min_samples: Some(3),
        max_samples: Some(4),
        budget_s: Some(1.0),
        ..Flags::default()
    };
    let mut plan = Plan::new(&Spec::from_flags(&flags, |_| None).expect("flags are right"), None, None).expect("cells");
    for cell in &mut plan.cells {
        cell.timeouts.heartbeat_s = 3.0;
        cell.scenario.tokens = 8;
    }
    plan
}

async fn run_with(plan: &Plan, sessions: MockLauncher, stop: watch::Receiver<bool>) -> (RunStatus, Vec<Event>) {
    let server = Server::start(0).await.expect("a server");
    let heard = Heard::default();
    let listeners = Listeners::new(vec![Box::new(heard.clone())]);
    let runner = Runner { sessions: &sessions, server: &server, listeners, stop };
    let info = RunInfo {
        id: "r1".into(),
        name: plan.name.clone(),
        started_at: "2026-01-01T00:00:00Z".into(),
        matrix_hash: plan.matrix_hash.clone(),
        engine_hash: "e".into(),
    };
    let cells: Vec<_> = plan.cells.iter().collect();
    let status = runner.run(info, &plan.cells, &cells).await.expect("the run goes on");
    let events = heard.0.lock().expect("no panic elsewhere").clone();
    (status, events)
}

async fn run(browsers: &[&str], scripts: &[(BrowserId, Script)]) -> Vec<Event> {
    let (_keep, stop) = watch::channel(false);
    let (status, events) = run_with(&plan(browsers), MockLauncher::new(scripts.iter().cloned()), stop).await;
    assert_eq!(status, RunStatus::Finished);
    assert!(matches!(events.last(), Some(Event::RunFinished { status: RunStatus::Finished })));
    events
}

/// Status and reason of every finished cell, in order.
fn finished(events: &[Event]) -> Vec<(Status, String)> {
    let finished = events.iter().filter_map(|event| match event {
        Event::CellFinished { status, reason, .. } => Some((*status, reason.clone())),
        _ => None,
    });
    finished.collect()
}

fn attempts(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::AttemptStarted { .. })).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cell_is_measured_in_balanced_pairs_and_checked() {
    let events = run(&["chrome"], &[]).await;
    assert_eq!(finished(&events), [(Status::Pass, String::new())]);
    let samples: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Sampled { arm, block, measure, valid: true, .. } => Some((measure.metric.clone(), *arm, *block)),
            _ => None,
        })
        .collect();
    let of = |wanted: &str| -> Vec<(Arm, u32)> {
        samples.iter().filter(|(metric, ..)| metric == wanted).map(|(_, arm, block)| (*arm, *block)).collect()
    };
    let blocks = of("infer_time");
    assert!(blocks.len() >= 6, "{blocks:?}");
    assert_eq!(blocks[..4], [(Arm::Baseline, 0), (Arm::Treatment, 0), (Arm::Treatment, 1), (Arm::Baseline, 1)]);
    let loads = of("reload_time");
    assert!(loads.len() >= 6, "{loads:?}");
    let turns = [(Arm::Treatment, 0), (Arm::Baseline, 0), (Arm::Baseline, 1), (Arm::Treatment, 1)];
    assert_eq!(loads[..4], turns, "the first pair of loads only warms up");
    for metric in ["load_time", "first_infer_time", "weight_bytes", "accuracy.cosine", "process_memory"] {
        for arm in [Arm::Baseline, Arm::Treatment] {
            assert!(of(metric).iter().any(|(of, _)| *of == arm), "{metric} of {}", arm.name());
        }
    }
    assert!(matches!(&events[1], Event::EnvironmentSeen { environment } if environment.product == "Mock Chrome"));
}

/// Every sample at a length of the prompt: metric, arm, value.
fn at_lengths(events: &[Event]) -> Vec<(String, Arm, f64)> {
    let samples = events.iter().filter_map(|event| match event {
        Event::Sampled { arm, measure, .. } => Metric::split(&measure.metric).1.map(|_| (measure, *arm)),
        _ => None,
    });
    samples.map(|(measure, arm)| (measure.metric.clone(), arm, measure.value)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_cache_is_compared_at_every_length_of_the_prompt() {
    let set = |key: &str, value: &str| ("kv_cache".to_owned(), key.to_owned(), value.to_owned());
    let flags = Flags {
        models: vec!["gpt2".into()],
        platforms: vec!["wasm".into()],
        optimizations: vec!["kv_cache".into(), "f16".into()],
        settings: vec![set("bits", "none"), set("window", "32"), set("sinks", "2")],
        scenario: Scenario { tokens: Some(8), lengths: Some(vec![64, 12, 3000, 2000, 64]), ..Scenario::default() },
        min_samples: Some(1),
        max_samples: Some(1),
        ..Flags::default()
    };
    let plan = Plan::new(&Spec::from_flags(&flags, |_| None).expect("flags are right"), None, None).expect("cells");
    assert!(plan.cells.iter().all(|cell| cell.treatment.loads_otherwise() == cell.treatment.f16));
    let (asks, others): (Vec<_>, Vec<_>) = plan.cells.iter().partition(|cell| cell.treatment.kv_cache.is_some());
    assert_eq!((asks[0].scenario.lengths.as_slice(), others[0].scenario.lengths.len()), (&[12, 64, 2000, 3000][..], 0));
    let (_keep, stop) = watch::channel(false);
    let (_, events) = run_with(&plan, MockLauncher::new([]), stop).await;
    assert!(finished(&events).iter().all(|(status, _)| *status == Status::Pass), "{:?}", finished(&events));
    let of = |arm: Arm, metric: &str| -> Vec<(u32, f64)> {
        let samples =
            at_lengths(&events).into_iter().filter(|(name, by, _)| *by == arm && Metric::split(name).0 == metric);
        samples.map(|(name, _, value)| (Metric::split(&name).1.expect("a length"), value)).collect()
    };
    // The longest prompt that GPT-2 has positions for, with what follows it, stands in for those that are too long.
    let lengths = [12, 64, 1024 - 16];
    for metric in ["accuracy.top1", "accuracy.kl"] {
        for arm in [Arm::Baseline, Arm::Treatment] {
            assert_eq!(of(arm, metric).iter().map(|(length, _)| *length).collect::<Vec<_>>(), lengths, "{metric}");
        }
    }
    assert!(of(Arm::Baseline, "accuracy.kl").iter().all(|(_, kl)| *kl < 1e-6));
    let kl = of(Arm::Treatment, "accuracy.kl");
    assert!(kl[0].1 < 1e-6 && kl[1].1 > 1e-4, "12 tokens and what follows fit into a window of 32: {kl:?}");
    let at_length = |event: &&Event| matches!(event, Event::Sampled { cell, measure, .. } if *cell == others[0].id && measure.metric.contains('@'));
    assert_eq!(events.iter().filter(at_length).count(), 0, "cells without a smaller cache do nothing of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_lacks_is_told_apart_from_what_it_does_wrong() {
    let scripts = [
        (BrowserId::Chrome, Script::Missing),
        (BrowserId::Edge, Script::Unsupported),
        (BrowserId::Firefox, Script::Wrong),
        (BrowserId::Safari, Script::Broken),
    ];
    let events = run(&["chrome", "edge", "firefox", "safari"], &scripts).await;
    let finished = finished(&events);
    let statuses: Vec<Status> = finished.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [Status::Unavailable, Status::Unsupported, Status::Fail, Status::Crash]);
    assert_eq!(finished[0].1, "Chrome is not installed; run: matrix setup");
    assert!(finished[2].1.starts_with("wrong numbers: cosine"), "{}", finished[2].1);
    assert_eq!(attempts(&events), 1 + 2 + 2, "what is missing is not tried, what fails is tried twice");
    let kept = events.iter().any(|event| matches!(event, Event::Kept { kind, .. } if kind == "driver-log"));
    assert!(kept, "a failure leaves evidence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_hangs_once_is_flaky_and_one_that_always_hangs_times_out() {
    let mut plan = plan(&["chrome"]);
    plan.cells[0].timeouts.cell_s = 4.0;
    let (_keep, stop) = watch::channel(false);
    let once = MockLauncher::new([(BrowserId::Chrome, Script::Hangs(1))]);
    let (_, events) = run_with(&plan, once, stop.clone()).await;
    assert_eq!(finished(&events), [(Status::Flaky, "passed on a retry".into())]);

    let always = MockLauncher::new([(BrowserId::Chrome, Script::Hangs(9))]);
    let (_, events) = run_with(&plan, always, stop).await;
    assert_eq!(finished(&events)[0].0, Status::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_leaves_the_cell_unfinished_and_says_so() {
    let (stopper, stop) = watch::channel(false);
    let sessions = MockLauncher::new([(BrowserId::Chrome, Script::Hangs(9))]);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(800)).await;
        stopper.send_replace(true);
        std::future::pending::<()>().await;
    });
    let (status, events) = run_with(&plan(&["chrome"]), sessions, stop).await;
    assert_eq!(status, RunStatus::Interrupted);
    assert_eq!(finished(&events), [], "a cell that was not finished can be taken up again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_profile_is_a_browser_for_every_sample_and_a_used_one_is_warm_for_both_arms() {
    let measured = async |profile| {
        let mut plan = plan(&["chrome"]);
        plan.cells[0].sampling.pages = 3;
        plan.cells[0].sampling.profile = profile;
        let (_keep, stop) = watch::channel(false);
        let sessions = MockLauncher::new([]);
        let (_, events) = run_with(&plan, sessions.clone(), stop).await;
        assert_eq!(finished(&events), [(Status::Pass, String::new())]);
        let is_load = |event: &&Event| matches!(event, Event::Sampled { measure, .. } if measure.metric == "load_time");
        (sessions.restarts(), events.iter().filter(is_load).count())
    };
    assert_eq!(measured(Profile::Fresh).await, (2 * 3, 2 * 3));
    assert_eq!(measured(Profile::Warm).await, (0, 2 * 2), "the first page of each arm warms up");
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_timed_by_themselves_when_that_is_wanted() {
    let mut plan = plan(&["chrome"]);
    plan.cells[0].sampling.trace = true;
    let (_keep, stop) = watch::channel(false);
    let (_, events) = run_with(&plan, MockLauncher::new([]), stop).await;
    assert_eq!(finished(&events), [(Status::Pass, String::new())]);
    let stopped = events.iter().position(|event| matches!(event, Event::SamplingStopped { .. })).expect("is told");
    let traced: Vec<(Arm, usize)> = events[stopped..]
        .iter()
        .filter_map(|event| match event {
            Event::Traced { arm, operations, .. } => Some((*arm, operations.len())),
            _ => None,
        })
        .collect();
    assert!(matches!(traced[..], [(Arm::Baseline, a), (Arm::Treatment, b)] if a > 3 && b > 3), "{traced:?}");
}
