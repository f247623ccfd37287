//! Where room runs out: what a browser says of it is arranged through DevTools, as no machine has so little.

use std::path::Path;
use std::time::Duration;

use headless_chrome::browser::transport::{SessionId, Transport};
use headless_chrome::protocol::cdp::{Page, Storage, Target};
use matrix_driver::browser::BrowserId;
use matrix_driver::page::Server;
use matrix_driver::plan::Network;
use matrix_driver::session::Session;
use matrix_driver::weights::preset_folder;
use matrix_engine::catalog::{Family, Size};
use matrix_engine::protocol::{FailureKind, ModelSource, Options, Outcome, Parallel, Platform, Progressive, Step};

use super::bad::Bad;
use super::{PATIENCE, bert, open, start, verified};

/// DevTools of the tab of a session.
struct Tab {
    transport: Transport,
    session: SessionId,
}

impl Tab {
    fn of(session: &dyn Session) -> Self {
        let profile = session.facts().command_line.iter().find_map(|word| word.strip_prefix("--user-data-dir="));
        let told = Path::new(profile.expect("a profile")).join("DevToolsActivePort");
        let told = std::fs::read_to_string(told).expect("DevTools listen");
        let (port, path) = told.split_once('\n').expect("a port and a path");
        let url = format!("ws://127.0.0.1:{port}{path}").parse().expect("an address");
        let transport = Transport::new(url, None, Duration::from_secs(60), None).expect("connects");
        let targets = transport.call_method_on_browser(Target::GetTargets { filter: None }).expect("targets");
        let page = targets.target_infos.into_iter().find(|target| target.Type == "page").expect("a tab");
        let attach = Target::AttachToTarget { target_id: page.target_id, flatten: None };
        let session = transport.call_method_on_browser(attach).expect("attaches").session_id;
        Self { transport, session: SessionId::from(session) }
    }

    /// Origins of this server may keep so many bytes, for as long as this lives.
    fn limit_storage(&self, server: &Server, bytes: f64) {
        let origin = server.url().split('/').take(3).collect::<Vec<_>>().join("/");
        let limit = Storage::OverrideQuotaForOrigin { origin, quota_size: Some(bytes) };
        self.transport.call_method_on_target(self.session.clone(), limit).expect("limited");
    }

    /// Pages that are opened from now on run `source` before anything else, in their workers.
    fn prepare_workers(&self, source: &str) {
        let source = include_str!("workers.js").replace("PREPARATION", &serde_json::to_string(source).expect("text"));
        let add = Page::AddScriptToEvaluateOnNewDocument {
            source,
            world_name: None,
            include_command_line_api: None,
            run_immediately: None,
        };
        self.transport
            .call_method_on_target(self.session.clone(), Page::Enable { enable_file_chooser_opened_event: None })
            .expect("enabled");
        self.transport.call_method_on_target(self.session.clone(), add).expect("added");
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.transport.shutdown();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_runs_out_is_told_and_the_load_goes_on() {
    let (bad, at) = Bad::start(bert()).await;
    *bad.tag.lock().expect("unpoisoned") = format!("sha256-{}", "a".repeat(64));
    let server = Server::start(0).await.expect("starts");
    let mut session = start(BrowserId::Chrome).await;
    let mut link = open(&mut *session, &server).await;
    let tab = Tab::of(&*session);
    tab.limit_storage(&server, 50_000.0);
    let parallel = Some(Parallel { workers: Some(2), keep: true });
    for (way, options) in [
        ("by workers", Options { parallel_loading: parallel.clone(), f16: true, ..Options::default() }),
        ("alone", Options { parallel_loading: parallel, ..Options::default() }),
    ] {
        let model = ModelSource::Folder { at: at.clone() };
        let load = Step::Load { slot: "a".into(), platform: Platform::Wasm, model, options, work: Vec::new() };
        let Outcome::Loaded { model, .. } = link.perform(load, PATIENCE).await.expect("an answer") else {
            panic!("{way}: not loaded");
        };
        println!("{way}: {:?}", model.fallbacks);
        let told = model.fallbacks.iter().filter(|text| text.contains("not everything is kept")).count();
        assert_eq!(told, 1, "{way}: {:?}", model.fallbacks);
        assert!(model.fallbacks.iter().any(|text| text.contains("QuotaExceededError")), "{way}: {:?}", model.fallbacks);
    }
    drop(tab);
    session.close().await;
}

/// A folder of weights over this server, large enough for many chunks.
fn llama(server: &Server) -> ModelSource {
    let folder = preset_folder(Family::Llama, Size::Tiny, 1).expect("written");
    ModelSource::Folder { at: server.serve_folder(&folder, Network::default(), false).expect("served") }
}

#[tokio::test(flavor = "multi_thread")]
async fn near_the_budget_a_page_has_chunks_one_by_one() {
    let server = Server::start(0).await.expect("starts");
    let mut session = start(BrowserId::Chrome).await;
    let mut link = open(&mut *session, &server).await;
    let mut flying = Vec::new();
    for budget_mb in [None, Some(1)] {
        let loading = Progressive { chunk_mb: Some(1), in_flight_mb: Some(8), budget_mb, ..verified() };
        let options = Options { progressive_loading: Some(loading), ..Options::default() };
        let (platform, model) = (Platform::Webgpu, llama(&server));
        let load = Step::Load { slot: "a".into(), platform, model, options, work: Vec::new() };
        let outcome = link.perform(load, PATIENCE).await.expect("an answer");
        let Outcome::Loaded { memory, model, measures } = outcome else { panic!("not loaded: {outcome:?}") };
        println!("{budget_mb:?}: {:?} {:?}", memory.categories["in_flight"], model.warnings);
        assert_eq!(model.warnings.len(), usize::from(budget_mb.is_some()), "{:?}", model.warnings);
        let verified = measures.iter().find(|measure| measure.metric == "verified_bytes").expect("verified");
        assert!(
            verified.value >= model.weight_bytes as f64,
            "every byte: {} of {}",
            verified.value,
            model.weight_bytes
        );
        flying.push(memory.categories["in_flight"].peak);
    }
    session.close().await;
    // Bytes are there twice while their digest is made.
    assert!(flying[0] > 4_000_000 && flying[1] <= 2_000_000, "{flying:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gpu_without_memory_is_told_and_nothing_stays() {
    let server = Server::start(0).await.expect("starts");
    let mut session = start(BrowserId::Chrome).await;
    let tab = Tab::of(&*session);
    tab.prepare_workers(&include_str!("little_memory.js").replace("LIMIT", "10e6"));
    let mut link = open(&mut *session, &server).await;
    let load = |family, options| Step::Load {
        slot: "a".into(),
        platform: Platform::Webgpu,
        model: ModelSource::Synthetic { family, size: Size::Tiny, seed: 1 },
        options,
        work: Vec::new(),
    };
    for options in
        [Options::default(), Options { progressive_loading: Some(Progressive::default()), ..Options::default() }]
    {
        let outcome = link.perform(load(Family::Llama, options), PATIENCE).await.expect("an answer");
        let Outcome::Failed { kind, message } = outcome else { panic!("there is memory enough: {outcome:?}") };
        println!("{message}");
        assert_eq!(kind, FailureKind::OutOfMemory, "{message}");
        assert!(message.starts_with("tensor 'model.layers."), "{message}");
        assert!(message.contains("': GPU out of memory: expected "), "{message}");
        let unload = link.perform(Step::Unload { slot: "a".into() }, PATIENCE).await.expect("an answer");
        let Outcome::Unloaded { memory } = unload else { panic!("not unloaded") };
        assert!(memory.total.peak > 0, "the account of the load that failed");
        assert_eq!((memory.total.live, memory.whole.live), (0, 0), "something stays");
    }
    // The device is as good as before, and what was taken is given back: a smaller model has room.
    let outcome = link.perform(load(Family::Resnet, Options::default()), PATIENCE).await.expect("an answer");
    assert!(matches!(outcome, Outcome::Loaded { .. }), "{outcome:?}");
    drop(tab);
    session.close().await;
}
