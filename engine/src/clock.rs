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

/// Lets other tasks run for some milliseconds.
#[cfg(target_arch = "wasm32")]
pub async fn sleep(ms: i32) {
    use wasm_bindgen::JsCast;
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let scope = js_sys::global().unchecked_into::<web_sys::WorkerGlobalScope>();
        if scope.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms).is_err() {
            // No clock, no pause.
            let _ = resolve.call0(&wasm_bindgen::JsValue::NULL);
        }
    });
    // It is never rejected.
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}
