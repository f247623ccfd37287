//! Waiting for the GPU: by polling natively, by promises in a browser.
//!
//! A browser that gets no commands looks only now and then whether its GPU is done: Chrome every 2 ms, Firefox every
//! 100 ms. Commands make both look at once. So a wait keeps sending some that do nothing, and lets other tasks run in
//! between: what took 2.5 ms in Chrome on an H200 takes 0.5 ms, and 0.2 instead of 100 in Firefox. Chrome is asked
//! again only when it has answered: asked at full speed, it has no time left for the work itself.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::Gpu;
use crate::error::{Error, Result};

/// A value that a callback will set.
pub struct Signal<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { value: None, waker: None })))
    }
}

impl<T> Clone for Signal<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Signal<T> {
    /// Sets the value and wakes whoever waits for it.
    pub fn set(&self, value: T) {
        let mut state = self.state();
        state.value = Some(value);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn take(&self) -> Option<T> {
        self.state().value.take()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Future for Signal<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.state();
        match state.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Waits for a signal that the GPU's progress will set.
#[cfg(not(target_arch = "wasm32"))]
pub async fn until<T>(gpu: &Gpu, signal: &Signal<T>) -> Result<T> {
    let polled = gpu.device.poll(wgpu::PollType::wait_indefinitely());
    polled.map_err(|error| Error::device(format!("waiting for the GPU failed: {error}")))?;
    signal.take().ok_or_else(|| Error::device("the GPU is done but did not answer"))
}

/// Waits for a signal that the GPU's progress will set.
#[cfg(target_arch = "wasm32")]
pub async fn until<T>(gpu: &Gpu, signal: &Signal<T>) -> Result<T> {
    use std::pin::pin;

    use futures_util::future::{Either, select};

    use crate::clock;

    /// After this long the browser's own pace is no longer worth a busy processor.
    const ASK_MS: f64 = 50.0;
    /// Firefox's own pace is slower.
    const ASK_FIREFOX_MS: f64 = 200.0;
    let firefox = is_firefox();
    let started = clock::now();
    loop {
        if let Some(value) = signal.take() {
            return Ok(value);
        }
        let waited = clock::now() - started;
        if firefox {
            gpu.queue.submit([]);
            let pause = if waited < ASK_FIREFOX_MS { next_task() } else { timeout() };
            pause.await.map_err(|error| Error::internal(format!("no next task: {error:?}")))?;
        } else if waited < ASK_MS && !gpu.capability.software {
            // An adapter on the CPU needs the CPU for itself. Nothing is done inside the scope; its end is a question that
            // is answered in turn, which may be behind work that came later than the signal.
            let answer = pin!(gpu.device.push_error_scope(wgpu::ErrorFilter::Internal).pop());
            if let Either::Left((value, _)) = select(signal.clone(), answer).await {
                return Ok(value);
            }
        } else {
            return Ok(signal.clone().await);
        }
    }
}

/// Whether this is Firefox. No feature tells, only the name.
#[cfg(target_arch = "wasm32")]
pub(super) fn is_firefox() -> bool {
    use js_sys::Reflect;
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into());
    let agent = navigator.and_then(|navigator| Reflect::get(&navigator, &"userAgent".into()));
    agent.ok().and_then(|agent| agent.as_string()).is_some_and(|agent| agent.contains("Firefox/"))
}

/// Resolves in the next task: a message has no minimum delay, unlike a timeout.
#[cfg(target_arch = "wasm32")]
fn next_task() -> wasm_bindgen_futures::JsFuture {
    let promise = js_sys::Promise::new(&mut |resolve, reject| {
        let posted = web_sys::MessageChannel::new().and_then(|channel| {
            channel.port1().set_onmessage(Some(&resolve));
            channel.port2().post_message(&wasm_bindgen::JsValue::NULL)
        });
        if let Err(error) = posted {
            // The promise is the only way out of this callback.
            let _ = reject.call1(&wasm_bindgen::JsValue::NULL, &error);
        }
    });
    promise.into()
}

/// Resolves after the browser's shortest timeout.
#[cfg(target_arch = "wasm32")]
pub fn timeout() -> wasm_bindgen_futures::JsFuture {
    use wasm_bindgen::JsCast;
    let promise = js_sys::Promise::new(&mut |resolve, reject| {
        let scope = js_sys::global().unchecked_into::<web_sys::WorkerGlobalScope>();
        if let Err(error) = scope.set_timeout_with_callback(&resolve) {
            let _ = reject.call1(&wasm_bindgen::JsValue::NULL, &error);
        }
    });
    promise.into()
}
