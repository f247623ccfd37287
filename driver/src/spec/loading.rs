//! The rows of optimizations that change how weights come to a device, and which of them stay.

use matrix_engine::protocol::{Options, Progressive};

use super::optimization::Optimization;
use super::setting::{Kind, Setting, Value};

/// The most megabytes that can be asked for: a terabyte.
const MAX_MB: u32 = 1_000_000;

pub(super) const PROGRESSIVE_LOADING: Optimization = Optimization {
    word: "progressive_loading",
    title: "Progressive loading",
    also: &["progressive-loading", "progressive", "chunked_loading", "progressive_tensor_loading"],
    variable: Some("WEBGPU_PROGRESSIVE_LOADING"),
    families: &[],
    settings: &[
        Setting {
            key: "chunk_mb",
            kind: Kind::CountOr("auto", 1, MAX_MB),
            variable: Some("WEBGPU_MAX_CHUNK_SIZE"),
            default: || Value::Word("auto"),
            apply: |options, value| progressive(options, |loading| loading.chunk_mb = count(value)),
        },
        Setting {
            key: "in_flight_mb",
            kind: Kind::CountOr("auto", 1, MAX_MB),
            variable: None,
            default: || Value::Word("auto"),
            apply: |options, value| progressive(options, |loading| loading.in_flight_mb = count(value)),
        },
    ],
    seam: "loader",
    switch_on: |options| options.progressive_loading = Some(Progressive::default()),
};

fn progressive(options: &mut Options, change: impl FnOnce(&mut Progressive)) {
    if let Some(loading) = &mut options.progressive_loading {
        change(loading);
    }
}

fn count(value: &Value) -> Option<u32> {
    if let Value::Count(count) = value { Some(*count) } else { None }
}
