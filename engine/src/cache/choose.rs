//! From options to a policy.

use super::{Cache, Compact, Keep, Plain};
use crate::{
    error::{Error, Result},
    graph::{Ring, Span, Stored},
    protocol::{KvCache, Options},
};

/// Refuses options that no cache can follow.
pub fn check(options: &Options) -> Result<()> {
    let Some(kv) = &options.kv_cache else { return Ok(()) };
    let refuse = |key: &str, expected: String, found: String| {
        Err(Error::unsupported("unusable value").of(format!("kv_cache.{key}")).expected(expected).found(found))
    };
    match kv.bits {
        None | Some(4 | 8 | 16) => {}
        Some(bits) => return refuse("bits", "4, 8 or 16".to_owned(), bits.to_string()),
    }
    if let Some(window) = kv.window
        && window <= kv.sinks
    {
        let expected = format!("more than the {} sinks, which are part of it", kv.sinks);
        return refuse("window", expected, window.to_string());
    }
    match &kv.prune {
        Some(prune) if !(1..=100).contains(&prune.keep_percent) => {
            refuse("prune.keep", "more than 0% and at most 100%".to_owned(), format!("{}%", prune.keep_percent))
        }
        _ => Ok(()),
    }
}

/// The policy for prompts of `length` tokens that grow to `capacity`; `first` in the pass over the prompt.
#[must_use]
pub fn choose(options: &Options, length: usize, capacity: usize, first: bool) -> Box<dyn Cache> {
    match &options.kv_cache {
        None => Box::new(Plain { capacity }),
        Some(kv) => Box::new(compact(kv, length, capacity, first)),
    }
}

fn compact(kv: &KvCache, length: usize, capacity: usize, first: bool) -> Compact {
    let stored = match kv.bits {
        None => Stored::F32,
        Some(16) => Stored::F16,
        Some(8) => Stored::Bits8,
        Some(_) => Stored::Bits4,
    };
    let asked = kv.window.map(|window| window as usize).filter(|&window| window < capacity);
    let sinks = kv.sinks as usize;
    let window = asked.map(|window| Span { keys: window - sinks, sinks });
    let Some(prune) = &kv.prune else {
        let ring = match window {
            Some(Span { keys, sinks }) => Ring { from: sinks, fixed: sinks, rows: keys },
            None => Ring { from: 0, fixed: 0, rows: capacity },
        };
        return Compact { stored, ring, window, keep: None, first };
    };
    let held = asked.map_or(length, |window| window.min(length));
    let count = (held * prune.keep_percent as usize).div_ceil(100).clamp(1, length);
    let rows = asked.map_or(capacity - length, |window| (capacity - length).min(window.saturating_sub(count)));
    let ring = Ring { from: length, fixed: count, rows: rows.max(1) };
    let keep = Keep { policy: prune.policy, count, sinks: sinks.min(count) };
    Compact { stored, ring, window, keep: Some(keep), first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Prune, PrunePolicy};

    fn kv(window: Option<u32>, keep_percent: Option<u32>) -> KvCache {
        let prune = keep_percent.map(|keep_percent| Prune { policy: PrunePolicy::Importance, keep_percent });
        KvCache { bits: Some(4), window, sinks: 4, prune }
    }

    #[test]
    fn rows_follow_window_and_budget() {
        let rows = |window, keep| compact(&kv(window, keep), 100, 150, true).ring.all();
        assert_eq!(rows(None, None), 150);
        assert_eq!(rows(Some(64), None), 64);
        assert_eq!(rows(Some(1000), None), 150);
        assert_eq!(rows(None, Some(25)), 25 + 50);
        assert_eq!(rows(Some(64), Some(50)), 32 + 32);
        assert_eq!(rows(None, Some(100)), 150);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refusal = |kv: KvCache| {
            let options = Options { kv_cache: Some(kv), ..Options::default() };
            check(&options).expect_err("refused").to_string()
        };
        assert_eq!(
            refusal(kv(Some(4), None)),
            "kv_cache.window: unusable value: expected more than the 4 sinks, which are part of it, found 4"
        );
        assert_eq!(
            refusal(kv(None, Some(0))),
            "kv_cache.prune.keep: unusable value: expected more than 0% and at most 100%, found 0%"
        );
        assert_eq!(
            refusal(KvCache { bits: Some(3), ..kv(None, None) }),
            "kv_cache.bits: unusable value: expected 4, 8 or 16, found 3"
        );
    }
}
