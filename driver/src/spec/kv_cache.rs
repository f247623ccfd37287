//! The row of `kv_cache`.

use matrix_engine::catalog::Family;
use matrix_engine::protocol::{KvCache, Options, Prune, PrunePolicy};

use super::optimization::Optimization;
use super::setting::{Kind, Setting, Value};

/// Words of `prune.policy`.
const POLICIES: [&str; 4] = ["none", "importance", "recency", "frequency"];
/// Percent of a prompt that pruning keeps where nothing is written.
const KEEP: u32 = 50;

pub(super) const KV_CACHE: Optimization = Optimization {
    word: "kv_cache",
    title: "Compact KV cache",
    also: &["kv-cache", "kvcache", "kv", "kv_cache_optimization"],
    variable: Some("WEBGPU_ENABLE_KV_CACHE"),
    families: &[
        Family::Llama,
        Family::Qwen2,
        Family::Gpt2,
        Family::T5,
        Family::Whisper,
        Family::Llava,
        Family::LlavaNext,
    ],
    settings: &[
        Setting {
            key: "bits",
            kind: Kind::Either("none", &[4, 8, 16]),
            variable: Some("WEBGPU_KV_CACHE_BITS"),
            default: || KvCache::default().bits.map_or(Value::Word("none"), Value::Count),
            apply: |options, value| set(options, |kv| kv.bits = count(value)),
        },
        Setting {
            key: "window",
            kind: Kind::CountOr("none", 2, 1 << 20),
            variable: Some("WEBGPU_KV_CACHE_WINDOW_SIZE"),
            default: || Value::Word("none"),
            apply: |options, value| set(options, |kv| kv.window = count(value)),
        },
        Setting {
            key: "sinks",
            kind: Kind::Count(0, 1024),
            variable: Some("WEBGPU_KV_CACHE_SINKS"),
            default: || Value::Count(KvCache::default().sinks),
            apply: |options, value| set(options, |kv| kv.sinks = count(value).unwrap_or(kv.sinks)),
        },
        Setting {
            key: "prune.policy",
            kind: Kind::Switch(&POLICIES),
            variable: Some("WEBGPU_KV_CACHE_PRUNING"),
            default: || Value::Word("none"),
            apply: |options, value| {
                let policy = match value {
                    Value::Word("importance") => Some(PrunePolicy::Importance),
                    Value::Word("recency") => Some(PrunePolicy::Recency),
                    Value::Word("frequency") => Some(PrunePolicy::Frequency),
                    _ => None,
                };
                set(options, |kv| kv.prune = policy.map(|policy| Prune { policy, keep_percent: KEEP }));
            },
        },
        Setting {
            key: "prune.keep",
            kind: Kind::Share,
            variable: None,
            default: || Value::Share(KEEP),
            apply: |options, value| {
                set(options, |kv| {
                    if let (Some(prune), Value::Share(percent)) = (&mut kv.prune, value) {
                        prune.keep_percent = *percent;
                    }
                });
            },
        },
    ],
    seam: "cache",
    switch_on: |options| options.kv_cache = Some(KvCache::default()),
};

fn set(options: &mut Options, change: impl FnOnce(&mut KvCache)) {
    if let Some(kv) = &mut options.kv_cache {
        change(kv);
    }
}

fn count(value: &Value) -> Option<u32> {
    if let Value::Count(count) = value { Some(*count) } else { None }
}
