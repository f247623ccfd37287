//! How the CPU describes itself.

use std::collections::BTreeMap;

use crate::protocol::DeviceInfo;

/// The CPU, as far as the kernels care.
#[must_use]
pub fn cpu() -> DeviceInfo {
    let mut features = Vec::new();
    if cfg!(target_feature = "simd128") {
        features.push("simd128".to_owned());
    }
    if cfg!(target_feature = "sse2") {
        features.push("sse2".to_owned());
    }
    DeviceInfo {
        kind: "cpu".into(),
        vendor: String::new(),
        architecture: std::env::consts::ARCH.into(),
        description: if cfg!(target_arch = "wasm32") { "WebAssembly".into() } else { "native".into() },
        software: false,
        features,
        limits: BTreeMap::new(),
    }
}
