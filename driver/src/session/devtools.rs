//! What WebDriver does not tell of a Chrome: command line, process ids, memory by process and heap. Attached to
//! the very browser that chromedriver started; nothing is timed through it.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use headless_chrome::browser::transport::{SessionId, Transport};
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Browser, IO, Runtime, SystemInfo, Target, Tracing};
use matrix_engine::protocol::Measure;
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::memory_dump;

/// The connection closes after this long without a message; a quiet inference must not end it.
const IDLE: Duration = Duration::from_secs(6 * 3600);
/// A call that takes longer is given up.
const CALL: Duration = Duration::from_secs(5);

/// A browser that is busy takes a while to look at its memory.
const DUMP: Duration = Duration::from_secs(20);
/// A dump is about 2 MB; what is much longer is none.
const LONGEST_DUMP: usize = 64 << 20;

/// A connection to one browser.
pub(super) struct DevTools {
    transport: Arc<Transport>,
    /// Kept, because a connection whose listener went away ends at the next event.
    events: Arc<Mutex<Receiver<Event>>>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "webSocketDebuggerUrl")]
    url: String,
}

impl DevTools {
    /// Connects to the browser that listens on `address` (host:port).
    pub(super) async fn attach(address: &str) -> Result<Self, String> {
        let client = reqwest::Client::builder().timeout(CALL).build().map_err(said)?;
        let version = client.get(format!("http://{address}/json/version")).send().await;
        let version: Version = match version {
            Ok(version) => version.json().await.map_err(said)?,
            Err(error) => return Err(said(error)),
        };
        let url = url::Url::parse(&version.url).map_err(said)?;
        let transport = blocking(CALL, move || Transport::new(url, None, IDLE, None).map_err(said)).await??;
        let events = Arc::new(Mutex::new(transport.listen_to_browser_events()));
        Ok(Self { transport: Arc::new(transport), events })
    }

    /// Command line and process ids by process type.
    pub(super) async fn browser(&self) -> Result<(Vec<String>, BTreeMap<String, Vec<u32>>), String> {
        let transport = Arc::clone(&self.transport);
        blocking(CALL, move || {
            let line = transport.call_method_on_browser(Browser::GetBrowserCommandLine(None)).map_err(said)?;
            let list = transport.call_method_on_browser(SystemInfo::GetProcessInfo(None)).map_err(said)?;
            let mut ids = BTreeMap::<String, Vec<u32>>::new();
            for process in list.process_info {
                ids.entry(process.Type).or_default().push(process.id);
            }
            Ok((line.arguments, ids))
        })
        .await?
    }

    /// Used bytes of the page's JavaScript heap.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a byte count that is sent as a float")]
    pub(super) async fn js_heap(&self) -> Option<u64> {
        let transport = Arc::clone(&self.transport);
        let used = blocking(CALL, move || {
            let targets = transport.call_method_on_browser(Target::GetTargets { filter: None }).ok()?;
            let page = targets.target_infos.into_iter().find(|target| target.Type == "page")?;
            let attach = Target::AttachToTarget { target_id: page.target_id, flatten: None };
            let session = transport.call_method_on_browser(attach).ok()?.session_id;
            let heap = transport.call_method_on_target(SessionId::from(session.clone()), Runtime::GetHeapUsage(None));
            let detach = Target::DetachFromTarget { session_id: Some(session), target_id: None };
            // Left attached, the session would only cost a little memory.
            let _ = transport.call_method_on_browser(detach);
            Some(heap.ok()?.used_size)
        });
        used.await.ok().flatten().map(|bytes| bytes as u64)
    }

    /// What the GPU process holds. It takes about a second, during which the browser is busy.
    pub(super) async fn gpu_process_memory(&self) -> Result<Vec<Measure>, String> {
        let (transport, events) = (Arc::clone(&self.transport), Arc::clone(&self.events));
        let dump = move || {
            let events = events.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(memory_dump::gpu_process(&dump(&transport, &events)?))
        };
        blocking(DUMP + CALL, dump).await?
    }
}

/// A memory dump as a trace, in JSON.
fn dump(transport: &Transport, events: &Receiver<Event>) -> Result<String, String> {
    // Earlier events say nothing of this dump.
    events.try_iter().for_each(drop);
    // Nothing but the dump that is asked for: a trace that goes on by itself grows without end.
    let config = Tracing::TraceConfig {
        record_mode: Some(Tracing::TraceConfigRecordMode::RecordUntilFull),
        included_categories: Some(vec!["disabled-by-default-memory-infra".into()]),
        excluded_categories: Some(vec!["*".into()]),
        memory_dump_config: Some(Tracing::MemoryDumpConfig(Some(json!({"triggers": []})))),
        trace_buffer_size_in_kb: None,
        enable_sampling: None,
        enable_systrace: None,
        enable_argument_filter: None,
        synthetic_delays: None,
    };
    let start = Tracing::Start {
        transfer_mode: Some(Tracing::StartTransfer_modeOption::ReturnAsStream),
        stream_format: Some(Tracing::StreamFormat::Json),
        trace_config: Some(config),
        categories: None,
        options: None,
        buffer_usage_reporting_interval: None,
        stream_compression: None,
        perfetto_config: None,
        tracing_backend: None,
    };
    transport.call_method_on_browser(start).map_err(said)?;
    let level_of_detail = Some(Tracing::MemoryDumpLevelOfDetail::Light);
    let request = Tracing::RequestMemoryDump { deterministic: Some(false), level_of_detail };
    let dumped = transport.call_method_on_browser(request).map_err(said);
    // Whether there is a dump or not, the trace must end.
    transport.call_method_on_browser(Tracing::End(None)).map_err(said)?;
    if !dumped?.success {
        return Err("the browser could not look at its memory".into());
    }
    let deadline = Instant::now() + DUMP;
    let handle = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let event = events.recv_timeout(left).map_err(|_| "the trace did not end")?;
        if let Event::TracingComplete(complete) = event {
            break complete.params.stream.ok_or("the trace has no stream")?;
        }
    };
    let mut trace = String::new();
    loop {
        let read = IO::Read { handle: handle.clone(), offset: None, size: None };
        let part = transport.call_method_on_browser(read).map_err(said)?;
        trace.push_str(&part.data);
        if part.eof || trace.len() > LONGEST_DUMP {
            break;
        }
    }
    transport.call_method_on_browser(IO::Close { handle }).map_err(said)?;
    Ok(trace)
}

impl Drop for DevTools {
    fn drop(&mut self) {
        self.transport.shutdown();
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Runs what blocks beside the runtime, and gives up on what never answers.
async fn blocking<T: Send + 'static>(limit: Duration, call: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    match timeout(limit, spawn_blocking(call)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}
