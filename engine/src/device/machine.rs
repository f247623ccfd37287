//! What memory page and machine have left beside the device.

/// Bytes that can still be taken, and of what; `None` where nobody tells.
#[cfg(not(target_arch = "wasm32"))]
#[must_use]
pub fn left() -> Option<(u64, &'static str)> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    Some((available(&told)?, "the machine's memory"))
}

/// What Linux calls available: what can be had without swapping.
#[cfg(not(target_arch = "wasm32"))]
fn available(told: &str) -> Option<u64> {
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Bytes that can still be taken, and of what. Chrome tells of the heap of JavaScript, with all array buffers; of the
/// module's own heap every browser does. `measureUserAgentSpecificMemory` is not for workers, and takes seconds.
#[cfg(target_arch = "wasm32")]
#[must_use]
pub fn left() -> Option<(u64, &'static str)> {
    const ADDRESSES: u64 = 1 << 32;
    let module = ADDRESSES - core::arch::wasm32::memory_size::<0>() as u64 * 65536;
    let module = (module, "the heap of the module");
    let page = page().map(|bytes| (bytes, "the heap of the page"));
    page.into_iter().chain([module]).min_by_key(|(bytes, _)| *bytes)
}

#[cfg(target_arch = "wasm32")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "byte counts that JavaScript keeps as floats"
)]
fn page() -> Option<u64> {
    let field = |object: &wasm_bindgen::JsValue, name: &str| js_sys::Reflect::get(object, &name.into()).ok();
    let memory = field(&field(&js_sys::global(), "performance")?, "memory")?;
    let number = |name: &str| field(&memory, name)?.as_f64();
    Some((number("jsHeapSizeLimit")? - number("usedJSHeapSize")?).max(0.0) as u64)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_what_is_available() {
        let told = "MemTotal:       24696064 kB\nMemFree:        1000 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available(told), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        assert_eq!(available("MemAvailable: much\n"), None);
        assert_eq!(available(&format!("MemAvailable: {} kB\n", u64::MAX)), None);
        if cfg!(target_os = "linux") {
            assert!(left().is_some_and(|(bytes, _)| bytes > 0));
        }
    }
}
