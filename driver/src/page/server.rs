//! The driver's HTTP server: page, engine, weights by range, and the hosts' side of every link.
//! Bound to the loopback address; every path starts with the run's secret token.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path as UrlPath, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router, middleware};
use matrix_engine::protocol::Outcome;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::services::ServeFile;

use super::digest::{self, Digests};
use super::hub::{Hello, Host, Hub, Link, Note};
use super::wire::Wire;
use super::{bundle, guard};
use crate::error::Error;
use crate::plan::Network;
use crate::weights::sha256;

/// Bytes that are read of a file at once.
const READ: usize = 1 << 20;
/// A host waits this long for a step before it asks again.
const POLL: Duration = Duration::from_secs(10);
/// The largest outcome: a vocabulary of logits for a few hundred tokens, in base64.
const LARGEST_BODY: usize = 512 << 20;

/// The running server. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    token: String,
    hub: Hub,
    folders: Folders,
    task: JoinHandle<()>,
}

/// Folders of weights by the number in their address.
type Folders = Arc<Mutex<HashMap<usize, Served>>>;

/// A folder of weights.
#[derive(Clone)]
struct Served {
    folder: PathBuf,
    wire: Wire,
    /// Hashes of its weight files by their names, where they are told.
    hashes: Option<Arc<HashMap<String, String>>>,
}

#[derive(Clone)]
struct Shared {
    hub: Hub,
    folders: Folders,
    digests: Digests,
}

impl Server {
    /// Starts on a port of the loopback address; 0 picks a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(port: u16) -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
            Error::environment(format!("cannot listen on 127.0.0.1:{port}: {error}"))
                .hint("another program uses this port; leave --port out to take a free one")
        })?;
        let address = listener.local_addr().map_err(|error| Error::environment(error.to_string()))?;
        let token = random_token()?;
        let (hub, folders) = (Hub::default(), Folders::default());
        let shared = Shared { hub: hub.clone(), folders: Arc::clone(&folders), digests: Digests::default() };
        let app = Router::new()
            .nest(&format!("/{token}"), routes(shared))
            .layer(middleware::from_fn(move |request, next| guard::guard(address, request, next)));
        // The last bytes of a range must not wait until those before them are acknowledged.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!("a connection sends late: {error}");
            }
        });
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!("the server stopped: {error}");
            }
        });
        Ok(Self { address, token, hub, folders, task })
    }

    /// Where everything of this run lives, ending in `/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.token)
    }

    /// The page's address for a host.
    #[must_use]
    pub fn page_url(&self, link: &Link) -> String {
        format!("{}page/?host={}", self.url(), link.key())
    }

    /// Opens a link to a host that is about to start. Silence longer than `silence` is a hang.
    ///
    /// # Errors
    /// When the system has no random numbers for its key.
    pub fn link(&self, silence: Duration) -> Result<Link, Error> {
        Ok(self.hub.link(random_token()?, silence))
    }

    /// Serves a folder of weights over such a network; gives its address, ending in `/`. With `hashed`, files are named
    /// by the hash of their content, which takes a look at all of it.
    ///
    /// # Errors
    /// When a file that is to be hashed can't be read.
    pub fn serve_folder(&self, folder: &Path, network: Network, hashed: bool) -> Result<String, Error> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |served: &Served| {
            served.folder == folder && served.wire.network() == network && served.hashes.is_some() == hashed
        };
        let known = folders.iter().find(|(_, served)| is_known(served)).map(|(number, _)| *number);
        let number = match known {
            Some(number) => number,
            None => {
                let hashes = if hashed { Some(Arc::new(hashes(folder)?)) } else { None };
                let number = folders.len();
                let served = Served { folder: folder.to_path_buf(), wire: Wire::new(network), hashes };
                folders.insert(number, served);
                number
            }
        };
        Ok(format!("{}models/{number}/", self.url()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/page/", get(|| async { page_file("") }))
        .route("/page/{file}", get(|UrlPath(file): UrlPath<String>| async move { page_file(&file) }))
        .route("/models/{number}/{file}", get(weights))
        .route("/hosts/{host}/hello", post(hello))
        .route("/hosts/{host}/beat", post(beat))
        .route("/hosts/{host}/log", post(log))
        .route("/hosts/{host}/step", get(step))
        .route("/hosts/{host}/outcome/{seq}", post(outcome))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(shared)
}

fn page_file(name: &str) -> Response {
    match bundle::file(name) {
        Some((media, content)) => ([(CONTENT_TYPE, media)], content).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn weights(
    State(shared): State<Shared>,
    UrlPath((number, file)): UrlPath<(usize, String)>,
    request: Request,
) -> Response {
    let folder = shared.folders.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned();
    let Some(Served { folder, wire, hashes }) = folder.filter(|_| is_weights_file(&file)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let path = folder.join(&file);
    let verified = digest::asked(request.headers());
    match ServeFile::new(&path).with_buf_chunk_size(READ).try_call(request).await {
        Ok(response) => {
            let mut response = response.into_response();
            if verified {
                shared.digests.tell(&path, &mut response).await;
            }
            let hash = hashes.as_ref().and_then(|hashes| hashes.get(&file));
            if let Some(tag) = hash.and_then(|hash| HeaderValue::from_str(&format!("\"sha256-{hash}\"")).ok()) {
                response.headers_mut().insert(ETAG, tag);
            }
            wire.carry(response).await
        }
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Hashes of the weight files of a folder.
fn hashes(folder: &Path) -> Result<HashMap<String, String>, Error> {
    let unreadable = |error: std::io::Error| Error::environment(format!("cannot read {}: {error}", folder.display()));
    let mut hashes = HashMap::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".safetensors") {
            hashes.insert(name, sha256(&path).map_err(unreadable)?);
        }
    }
    Ok(hashes)
}

/// One plain name of a kind that the engine reads; nothing else of a folder is served.
fn is_weights_file(name: &str) -> bool {
    let plain = !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']);
    plain && [".safetensors", ".json"].iter().any(|kind| name.ends_with(kind))
}

async fn hello(host: Known, Json(hello): Json<Hello>) {
    host.0.hello(hello);
}

#[derive(Deserialize)]
struct Beat {
    visibility: String,
}

async fn beat(host: Known, Json(beat): Json<Beat>) {
    host.0.beat();
    if beat.visibility == "hidden" {
        host.0.note(Note::Hidden);
    }
}

#[derive(Deserialize)]
struct Line {
    level: String,
    text: String,
}

async fn log(host: Known, Json(Line { level, text }): Json<Line>) {
    host.0.note(Note::Log { level, text });
}

#[derive(Deserialize)]
struct After {
    after: u64,
}

async fn step(host: Known, Query(After { after }): Query<After>) -> Response {
    match host.0.step(after, POLL).await {
        Some(numbered) => Json(&*numbered).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn outcome(host: Known, UrlPath((_, seq)): UrlPath<(String, u64)>, Json(outcome): Json<Outcome>) {
    host.0.outcome(seq, outcome);
}

/// The host of a request's path; anything else is not found.
struct Known(Arc<Host>);

impl axum::extract::FromRequestParts<Shared> for Known {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, shared: &Shared) -> Result<Self, StatusCode> {
        let path = UrlPath::<HashMap<String, String>>::from_request_parts(parts, shared).await;
        let key = path.ok().and_then(|UrlPath(mut path)| path.remove("host"));
        key.and_then(|key| shared.hub.host(&key)).map(Self).ok_or(StatusCode::NOT_FOUND)
    }
}

/// 128 random bits from the system. Without them nothing of ours may be served.
fn random_token() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::environment(format!("the system has no random numbers: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn weights_are_served_by_range_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("model.safetensors"), b"0123456789").expect("written");
        std::fs::write(folder.path().join("secret.txt"), b"no").expect("written");
        let server = Server::start(0).await.expect("starts");
        let serve = |network, hashed| server.serve_folder(folder.path(), network, hashed).expect("readable");
        let base = serve(Network::default(), false);
        assert_eq!(base, serve(Network::default(), false), "a folder has one address");
        let hashed = serve(Network::default(), true);
        assert_ne!(base, serve(Network { latency_ms: 1, ..Network::default() }, false), "and one for each network");

        let client = reqwest::Client::new();
        let range = client.get(format!("{base}model.safetensors")).header("range", "bytes=2-4").send().await;
        let range = range.expect("an answer");
        assert_eq!(range.status(), 206);
        assert_eq!(range.headers()["cross-origin-embedder-policy"], "require-corp");
        assert!(!range.headers().contains_key("content-digest"), "nobody asked for it");
        assert_eq!(range.text().await.expect("text"), "234");
        let wanted = client.get(format!("{base}model.safetensors")).header("want-content-digest", "sha-256=1");
        let wanted = wanted.header("range", "bytes=2-4").send().await.expect("an answer");
        let digest = "sha-256=:EUvRUfj7DFhkLSFw2krn18V5dyYKwsyJBTBsq2sqyrw=:";
        assert_eq!(wanted.headers()["content-digest"], digest);
        let named = client.get(format!("{hashed}model.safetensors")).send().await.expect("an answer");
        let digits = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
        assert_eq!(named.headers()["etag"], format!("\"sha256-{digits}\"").as_str());
        for hidden in ["secret.txt", "..%2fmodel.safetensors", "missing.json"] {
            let answer = client.get(format!("{base}{hidden}")).send().await.expect("an answer");
            assert_eq!(answer.status(), 404, "{hidden}");
        }
        let wrong_token = format!("http://{}/page/", server.address);
        assert_eq!(client.get(wrong_token).send().await.expect("an answer").status(), 404);
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = Server::start(0).await.expect("starts");
        let error = Server::start(first.address.port()).await.err().expect("taken");
        assert!(error.to_string().contains(&first.address.to_string()), "{error}");
    }
}
