//! What JavaScript sees of the engine. Meant for a dedicated module worker, where a long step blocks
//! nobody; works on a page as well. Nothing else exports to JavaScript.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;

use crate::{
    host::Host,
    protocol::{FailureKind, Outcome},
    weights::crew,
};

/// A host whose steps and outcomes are JSON.
#[wasm_bindgen]
pub struct Engine(RefCell<Option<Host>>);

#[wasm_bindgen]
impl Engine {
    /// An engine without models. Relative folders are found relative to the page or worker.
    #[wasm_bindgen(constructor)]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "JavaScript has constructors, not defaults")]
    pub fn new() -> Self {
        std::panic::set_hook(Box::new(|info| {
            PANIC.with(|panic| *panic.borrow_mut() = Some(info.to_string()));
            report(&info.to_string());
        }));
        Self(RefCell::new(Some(Host::new(""))))
    }

    /// Does one step and returns its outcome. Never throws for anything the engine itself can tell.
    pub async fn perform(&self, step: String) -> String {
        let outcome = match (serde_json::from_str(&step), self.take()) {
            (Err(error), host) => {
                self.put(host);
                failed(format!("the step cannot be read: {error}"))
            }
            (Ok(_), None) => failed("the engine is still busy with another step".to_owned()),
            (Ok(step), Some(mut host)) => {
                let outcome = host.perform(step).await;
                self.put(Some(host));
                outcome
            }
        };
        serde_json::to_string(&outcome).unwrap_or_else(|error| {
            format!(r#"{{"did":"failed","kind":"internal","message":"the outcome cannot be written: {error}"}}"#)
        })
    }

    fn take(&self) -> Option<Host> {
        self.0.borrow_mut().take()
    }

    fn put(&self, host: Option<Host>) {
        if host.is_some() {
            *self.0.borrow_mut() = host;
        }
    }
}

/// One job of a worker beside the engine's: fetches a range and makes of it what a device stores. Throws what went
/// wrong as JSON.
#[wasm_bindgen(js_name = fetchRange)]
pub async fn fetch_range(job: String) -> Result<JsValue, JsValue> {
    crew::web::perform(&job)
        .await
        .map_err(|error| JsValue::from(serde_json::to_string(&(error.kind(), error.to_string())).unwrap_or_default()))
}

/// The engine's version.
#[wasm_bindgen]
#[must_use]
pub fn engine_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Text of the last panic, for a caller that sees only "unreachable".
#[wasm_bindgen]
#[must_use]
pub fn last_panic() -> Option<String> {
    PANIC.with(|panic| panic.borrow().clone())
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn report(text: &str);
}

fn failed(message: String) -> Outcome {
    Outcome::Failed { kind: FailureKind::Internal, message }
}
