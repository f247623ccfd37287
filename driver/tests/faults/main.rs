//! What a page does when weights come badly: it says what was wrong, or gets over it, and keeps nothing.

mod bad;
mod scarce;

use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bad::{Bad, Fault};
use matrix_driver::browser::BrowserId;
use matrix_driver::page::{Link, Server};
use matrix_driver::session::{Address, LaunchSettings, Launcher, Session, Sessions as _};
use matrix_engine::protocol::{
    ModelSource, Offload, Options, Outcome, Parallel, Platform, Progressive, Step, Streaming,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A small model.
fn bert() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/reference/bert")
}

async fn start(browser: BrowserId) -> Box<dyn Session> {
    let launcher = Launcher { settings: LaunchSettings { headed: false } };
    launcher.start(browser).await.expect("a browser")
}

/// A page that has done nothing yet.
async fn open(session: &mut dyn Session, server: &Server) -> Link {
    let link = server.link(PATIENCE).expect("a link");
    session.open(&Address::of(server, &link)).await.expect("opens");
    link.hello(PATIENCE).await.expect("a page");
    link
}

fn verified() -> Progressive {
    Progressive { verify: true, ..Progressive::default() }
}

fn every_way() -> Vec<(&'static str, Options)> {
    let none = Options::default;
    vec![
        ("whole files", none()),
        ("progressive_loading", Options { progressive_loading: Some(verified()), ..none() }),
        (
            "parallel_loading",
            Options { parallel_loading: Some(Parallel { workers: Some(2), keep: true }), f16: true, ..none() },
        ),
        (
            "chunks while the first pass computes",
            Options { progressive_loading: Some(Progressive { overlap: true, ..verified() }), ..none() },
        ),
        (
            "chunks by workers",
            Options {
                parallel_loading: Some(Parallel { workers: Some(2), keep: false }),
                progressive_loading: Some(verified()),
                f16: true,
                ..none()
            },
        ),
        ("cpu_offload", Options { cpu_offload: Some(Offload::default()), ..none() }),
        ("streaming", Options { streaming: Some(Streaming::default()), ..none() }),
    ]
}

/// Loads and uses a model once; what went wrong, if something did. Nothing may be left in either case.
async fn attempt(link: &mut Link, platform: Platform, at: &str, options: Options) -> Option<String> {
    let model = ModelSource::Folder { at: at.into() };
    let load = Step::Load { slot: "a".into(), platform, model, options, work: Vec::new() };
    let outcome = link.perform(load, PATIENCE).await.expect("an answer");
    let wrong = match outcome {
        Outcome::Failed { message, .. } => Some(message),
        Outcome::Loaded { model, .. } => {
            // Streamed weights come only now, and the last of those that are used early.
            let inputs = model.inputs.iter().map(|input| (input.name.clone(), input.sample(1))).collect();
            let outputs = vec![model.outputs.last().expect("an output").clone()];
            let infer = Step::Infer { slot: "a".into(), inputs, outputs, reply: false };
            match link.perform(infer, PATIENCE).await.expect("an answer") {
                Outcome::Failed { message, .. } => Some(message),
                Outcome::Inferred { .. } => None,
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    };
    let Outcome::Unloaded { memory } =
        link.perform(Step::Unload { slot: "a".into() }, PATIENCE).await.expect("an answer")
    else {
        panic!("not unloaded");
    };
    assert_eq!((memory.total.live, memory.whole.live), (0, 0), "something stays");
    wrong
}

async fn faults(browser: BrowserId, platform: Platform) {
    let (bad, at) = Bad::start(bert()).await;
    let server = Server::start(0).await.expect("starts");
    let mut session = start(browser).await;
    let mut link = open(&mut *session, &server).await;
    for (way, options) in every_way() {
        for (fault, told) in [
            (Fault::None, None),
            (Fault::Drops(2), None),
            (Fault::Drops(u32::MAX), Some("the connection broke 4 times at this place")),
            (Fault::Short, Some("truncated at byte")),
            (Fault::Elsewhere, Some("the server answered with another range")),
            (Fault::Gone, Some("found status 404")),
            (Fault::Changed, Some("changed while it was read")),
            (Fault::Whole, Some("expected status 206, found status 200")),
            (Fault::Damaged(1), None),
            (Fault::Damaged(u32::MAX), Some("are not what the server said it would send")),
        ] {
            // Only chunks are held against their digests.
            if matches!(fault, Fault::Damaged(_)) && options.progressive_loading.is_none() {
                continue;
            }
            bad.set(fault);
            let wrong = attempt(&mut link, platform, &at, options.clone()).await;
            match (told, &wrong) {
                (None, None) => {}
                (Some(told), Some(message)) if message.contains(told) => {}
                _ => panic!("{way}, {fault:?}: {wrong:?} instead of {told:?}"),
            }
        }
    }
    session.close().await;
}

/// What was fetched once is not fetched again, unless it is too small to be kept or the file is another.
async fn kept(browser: BrowserId) {
    let (bad, at) = Bad::start(bert()).await;
    let server = Server::start(0).await.expect("starts");
    let mut session = start(browser).await;
    let mut asked = Vec::new();
    for content in ["a", "a", "b", "a"] {
        *bad.tag.lock().unwrap_or_else(PoisonError::into_inner) = format!("sha256-{}", content.repeat(64));
        // Every time a page that has done nothing yet.
        let mut link = open(&mut *session, &server).await;
        let parallel = Some(Parallel { workers: Some(2), keep: true });
        let options = Options { parallel_loading: parallel, f16: true, ..Options::default() };
        bad.asked.store(0, Ordering::SeqCst);
        assert_eq!(attempt(&mut link, Platform::Wasm, &at, options).await, None);
        asked.push(bad.asked.load(Ordering::SeqCst));
    }
    session.close().await;
    let [cold, warm, other, again] = asked[..] else { panic!("four pages") };
    assert!(cold > 0 && warm < cold && other == cold && again == warm, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_keeps_what_it_fetched() {
    kept(BrowserId::Chrome).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_keeps_what_it_fetched() {
    kept(BrowserId::Firefox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_gets_over_faults_or_tells_them() {
    faults(BrowserId::Chrome, Platform::Webgpu).await;
    faults(BrowserId::Chrome, Platform::Wasm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_gets_over_faults_or_tells_them() {
    faults(BrowserId::Firefox, Platform::Webgpu).await;
    faults(BrowserId::Firefox, Platform::Wasm).await;
}
