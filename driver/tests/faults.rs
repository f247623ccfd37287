//! What a page does when weights come badly: it says what was wrong, or gets over it, and keeps nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use matrix_driver::browser::BrowserId;
use matrix_driver::page::{Link, Server};
use matrix_driver::session::{Address, LaunchSettings, Launcher, Sessions as _};
use matrix_engine::protocol::{
    ModelSource, Offload, Options, Outcome, Parallel, Platform, Progressive, Step, Streaming,
};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(60);

/// What goes wrong with ranges of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// The connection ends in the middle of so many answers.
    Drops(u32),
    /// Every answer is shorter than it says.
    Short,
    /// Every answer is from another place.
    Elsewhere,
    /// The file is gone after its header was read.
    Gone,
    /// The file is another after its header was read.
    Changed,
    /// No ranges at all.
    Whole,
    /// A byte of so many answers is another than the digest says.
    Damaged(u32),
}

/// A server of files that does what a fault says. Hand-made, because libraries don't send what is wrong.
struct Bad {
    folder: PathBuf,
    fault: Mutex<Fault>,
    left: AtomicU32,
    /// Ranges of weights that were asked for.
    asked: AtomicU32,
    /// What the file is called by.
    tag: Mutex<String>,
}

impl Bad {
    async fn start(folder: PathBuf) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/", listener.local_addr().expect("bound"));
        let bad = Arc::new(Self {
            folder,
            fault: Mutex::new(Fault::None),
            left: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            tag: Mutex::new("one".into()),
        });
        let server = Arc::clone(&bad);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&server);
                // A page that goes away is no matter.
                tokio::spawn(async move { drop(server.answer(stream).await) });
            }
        });
        (bad, address)
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        let times = if let Fault::Drops(times) | Fault::Damaged(times) = fault { times } else { 0 };
        self.left.store(times, Ordering::SeqCst);
    }

    /// One request and its answer; the connection is closed behind it.
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let name = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
        let common = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: range, want-content-digest\r\n\
            Access-Control-Expose-Headers: content-range, etag, content-digest\r\nConnection: close\r\nCache-Control: no-store\r\n";
        let Ok(bytes) = std::fs::read(self.folder.join(&name)) else {
            return stream
                .write_all(format!("HTTP/1.1 404 Gone\r\n{common}Content-Length: 0\r\n\r\n").as_bytes())
                .await;
        };
        if request.starts_with("OPTIONS") {
            return stream.write_all(format!("HTTP/1.1 204 Fine\r\n{common}\r\n").as_bytes()).await;
        }
        let range =
            request.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let range = range.as_deref().and_then(|range| range.split_once('-'));
        let (first, last): (usize, usize) =
            range.map_or((0, bytes.len() - 1), |(a, b)| (a.parse().expect("a number"), b.parse().expect("a number")));
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        // Headers are read rightly: what is wrong comes with the weights.
        let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
        let is_weights = name.ends_with(".safetensors") && first as u64 >= 8 + header;
        self.asked.fetch_add(u32::from(is_weights), Ordering::SeqCst);
        let one = self.tag.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fault = if is_weights { fault } else { Fault::None };
        let (mut from, mut tag) = (first, one.as_str());
        let digest = if request.to_lowercase().contains("want-content-digest: sha-256=") {
            let digest = STANDARD.encode(Sha256::digest(&bytes[first..=last]));
            format!("Content-Digest: sha-256=:{digest}:\r\n")
        } else {
            String::new()
        };
        let mut damaged = bytes[first..=last].to_vec();
        let mut sent = &bytes[first..=last];
        let hit = || self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        match fault {
            Fault::None => {}
            Fault::Drops(_) => {
                if hit() {
                    sent = &sent[..sent.len() / 2];
                }
            }
            Fault::Short => sent = &sent[..sent.len() / 2],
            Fault::Elsewhere => from += 4,
            Fault::Gone => {
                let gone = format!("HTTP/1.1 404 Gone\r\n{common}Content-Length: 0\r\n\r\n");
                return stream.write_all(gone.as_bytes()).await;
            }
            Fault::Changed => tag = "two",
            Fault::Damaged(_) => {
                if hit() {
                    // The lowest bits of a mantissa: nothing but the digest tells.
                    damaged[0] ^= 1;
                    sent = &damaged;
                }
            }
            Fault::Whole => {
                let head = format!("HTTP/1.1 200 Fine\r\n{common}Content-Length: {}\r\n\r\n", bytes.len());
                stream.write_all(head.as_bytes()).await?;
                return stream.write_all(&bytes).await;
            }
        }
        let told = if fault == Fault::Short { sent.len() } else { last - first + 1 };
        let head = format!(
            "HTTP/1.1 206 Part\r\n{common}ETag: \"{tag}\"\r\nContent-Range: bytes {from}-{last}/{}\r\nContent-Length: {told}\r\n{digest}\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(sent).await?;
        stream.flush().await
    }
}

fn every_way() -> Vec<(&'static str, Options)> {
    let none = Options::default;
    vec![
        ("whole files", none()),
        ("progressive_loading", Options { progressive_loading: Some(Progressive::default()), ..none() }),
        (
            "parallel_loading",
            Options { parallel_loading: Some(Parallel { workers: Some(2), keep: true }), f16: true, ..none() },
        ),
        (
            "chunks by workers",
            Options {
                parallel_loading: Some(Parallel { workers: Some(2), keep: false }),
                progressive_loading: Some(Progressive::default()),
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
            // Streamed weights come only now.
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/reference/bert");
    let (bad, at) = Bad::start(folder).await;
    let server = Server::start(0).await.expect("starts");
    let launcher = Launcher { settings: LaunchSettings { headed: false } };
    let mut session = launcher.start(browser).await.expect("a browser");
    let mut link = server.link(PATIENCE).expect("a link");
    session.open(&Address::of(&server, &link)).await.expect("opens");
    link.hello(PATIENCE).await.expect("a page");
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/reference/bert");
    let (bad, at) = Bad::start(folder).await;
    let server = Server::start(0).await.expect("starts");
    let launcher = Launcher { settings: LaunchSettings { headed: false } };
    let mut session = launcher.start(browser).await.expect("a browser");
    let mut asked = Vec::new();
    for content in ["a", "a", "b", "a"] {
        *bad.tag.lock().unwrap_or_else(PoisonError::into_inner) = format!("sha256-{}", content.repeat(64));
        // Every time a page that has done nothing yet.
        let mut link = server.link(PATIENCE).expect("a link");
        session.open(&Address::of(&server, &link)).await.expect("opens");
        link.hello(PATIENCE).await.expect("a page");
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
