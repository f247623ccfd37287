//! What WebDriver does not tell of a Chrome: command line, process ids, JavaScript heap. Attached to
//! the very browser that chromedriver started; nothing is timed through it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headless_chrome::browser::transport::{SessionId, Transport};
use headless_chrome::protocol::cdp::{Browser, Runtime, SystemInfo, Target};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The connection closes after this long without a message; a quiet inference must not end it.
const IDLE: Duration = Duration::from_secs(6 * 3600);
/// A call that takes longer is given up.
const CALL: Duration = Duration::from_secs(5);

/// A connection to one browser.
pub(super) struct DevTools {
    transport: Arc<Transport>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "webSocketDebuggerUrl")]
    url: String,
}

impl DevTools {
    /// Connects to the browser that listens on `address` (host:port).
    pub(super) async fn attach(address: &str) -> Result<Self, String> {
        let client = reqwest::Client::builder().timeout(CALL).build().map_err(|error| error.to_string())?;
        let version = client.get(format!("http://{address}/json/version")).send().await;
        let version: Version = match version {
            Ok(version) => version.json().await.map_err(|error| error.to_string())?,
            Err(error) => return Err(error.to_string()),
        };
        let url = url::Url::parse(&version.url).map_err(|error| error.to_string())?;
        let transport = blocking(move || Transport::new(url, None, IDLE, None).map_err(|e| e.to_string())).await??;
        Ok(Self { transport: Arc::new(transport) })
    }

    /// Command line and process ids by process type.
    pub(super) async fn browser(&self) -> Result<(Vec<String>, BTreeMap<String, Vec<u32>>), String> {
        let transport = Arc::clone(&self.transport);
        blocking(move || {
            let line =
                transport.call_method_on_browser(Browser::GetBrowserCommandLine(None)).map_err(|e| e.to_string())?;
            let list = transport.call_method_on_browser(SystemInfo::GetProcessInfo(None)).map_err(|e| e.to_string())?;
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
        let used = blocking(move || {
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
}

impl Drop for DevTools {
    fn drop(&mut self) {
        self.transport.shutdown();
    }
}

/// Runs what blocks beside the runtime, and gives up on what never answers.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    match timeout(CALL, spawn_blocking(call)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", CALL.as_secs())),
    }
}
