//! The rows of optimizations that change how weights come to a device, and which of them stay.

use matrix_engine::protocol::{Offload, Options, Parallel, Progressive, Streaming};

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
        Setting {
            key: "budget_mb",
            kind: Kind::CountOr("auto", 1, MAX_MB),
            variable: None,
            default: || Value::Word("auto"),
            apply: |options, value| progressive(options, |loading| loading.budget_mb = count(value)),
        },
        Setting {
            key: "verify",
            kind: Kind::Switch(&["no", "yes"]),
            variable: None,
            default: || Value::Word("no"),
            apply: |options, value| progressive(options, |loading| loading.verify = *value == Value::Word("yes")),
        },
        Setting {
            key: "overlap",
            kind: Kind::Switch(&["no", "yes"]),
            variable: None,
            default: || Value::Word("no"),
            apply: |options, value| progressive(options, |loading| loading.overlap = *value == Value::Word("yes")),
        },
    ],
    seam: "loader",
    switch_on: |options| options.progressive_loading = Some(Progressive::default()),
};

pub(super) const PARALLEL_LOADING: Optimization = Optimization {
    word: "parallel_loading",
    title: "Parallel loading",
    also: &["parallel-loading", "parallel", "parallel_model_loading", "web_parallel_loading"],
    variable: Some("WEB_PARALLEL_LOADING_ENABLED"),
    families: &[],
    settings: &[
        Setting {
            key: "workers",
            kind: Kind::CountOr("auto", 1, 16),
            variable: Some("WEB_PARALLEL_LOADING_WORKERS"),
            default: || Value::Word("auto"),
            apply: |options, value| {
                if let Some(parallel) = &mut options.parallel_loading {
                    parallel.workers = count(value);
                }
            },
        },
        Setting {
            key: "keep",
            kind: Kind::Switch(&["no", "yes"]),
            variable: Some("WEB_PARALLEL_LOADING_CACHE"),
            default: || Value::Word("no"),
            apply: |options, value| {
                if let Some(parallel) = &mut options.parallel_loading {
                    parallel.keep = *value == Value::Word("yes");
                }
            },
        },
    ],
    seam: "workers",
    switch_on: |options| options.parallel_loading = Some(Parallel::default()),
};

pub(super) const STREAMING: Optimization = Optimization {
    word: "streaming",
    title: "Streamed weights",
    also: &["streaming_tensors", "tensor_streaming", "streamed", "streaming_tensor_support"],
    variable: Some("WEBGPU_STREAMING_TENSORS"),
    families: &[],
    settings: &[Setting {
        key: "budget_mb",
        kind: Kind::CountOr("auto", 1, MAX_MB),
        variable: Some("WEBGPU_STREAMING_BUDGET"),
        default: || Value::Word("auto"),
        apply: |options, value| {
            if let Some(streaming) = &mut options.streaming {
                streaming.budget_mb = count(value);
            }
        },
    }],
    seam: "residency",
    switch_on: |options| options.streaming = Some(Streaming::default()),
};

pub(super) const CPU_OFFLOAD: Optimization = Optimization {
    word: "cpu_offload",
    title: "CPU offload",
    also: &["cpu-offload", "offload", "offloading", "cpu_tensor_offloading", "tensor_offloading"],
    variable: Some("WEBGPU_CPU_OFFLOAD"),
    families: &[],
    settings: &[
        Setting {
            key: "budget_mb",
            kind: Kind::CountOr("auto", 1, MAX_MB),
            variable: Some("WEBGPU_CPU_OFFLOAD_BUDGET"),
            default: || Value::Word("auto"),
            apply: |options, value| offload(options, |offload| offload.budget_mb = count(value)),
        },
        Setting {
            key: "pin",
            kind: Kind::Names,
            variable: Some("WEBGPU_CPU_OFFLOAD_PIN"),
            default: || Value::Names(Vec::new()),
            apply: |options, value| {
                if let Value::Names(names) = value {
                    offload(options, |offload| offload.pin.clone_from(names));
                }
            },
        },
    ],
    seam: "residency",
    switch_on: |options| options.cpu_offload = Some(Offload::default()),
};

fn offload(options: &mut Options, change: impl FnOnce(&mut Offload)) {
    if let Some(offload) = &mut options.cpu_offload {
        change(offload);
    }
}

fn progressive(options: &mut Options, change: impl FnOnce(&mut Progressive)) {
    if let Some(loading) = &mut options.progressive_loading {
        change(loading);
    }
}

fn count(value: &Value) -> Option<u32> {
    if let Value::Count(count) = value { Some(*count) } else { None }
}
