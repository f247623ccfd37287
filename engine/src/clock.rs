//! Monotonic milliseconds, natively and in a page or worker.

/// Milliseconds since some fixed moment.
#[cfg(target_arch = "wasm32")]
#[must_use]
pub fn now() -> f64 {
    use wasm_bindgen::JsCast;
    // A window has the same property; the cast is not checked.
    let scope = js_sys::global().unchecked_into::<web_sys::WorkerGlobalScope>();
    scope.performance().map_or(0.0, |performance| performance.now())
}

/// Milliseconds since some fixed moment.
#[cfg(not(target_arch = "wasm32"))]
#[must_use]
pub fn now() -> f64 {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}
