//! `matrix analyze kv-cache`: what ways to keep keys and values cost, over lengths of prompts.

use super::analyze::answer;
use crate::cli::{Global, KvQualityArgs};
use crate::error::{Error, ExitCode};
use crate::plan::Plan;
use crate::report::kv_quality;
use crate::spec::{Flags, Scenario, Spec};

/// Tokens that follow a prompt, whose logits are compared.
const DECODE: u32 = 16;

/// Settings of one way.
type Settings = Vec<(&'static str, String)>;

/// Measures every way at every length, and draws the curves.
pub(crate) async fn run(global: &Global, args: &KvQualityArgs) -> Result<ExitCode, Error> {
    let mut plans = Vec::new();
    for &context in &args.contexts {
        for way in ways(context) {
            plans.push(plan(args, context, &way)?);
        }
    }
    answer(global, &Plan::joined("kv_cache", plans), args.mock.as_deref(), &args.output, kv_quality).await
}

/// 8 and 4 bits; a window of half a prompt; half of a prompt by two rules; everything together.
fn ways(context: u32) -> Vec<Settings> {
    let half = (context / 2).to_string();
    let way = |bits: &str, window: &str, policy: &str| -> Settings {
        let set = [("bits", bits), ("window", window), ("prune.policy", policy)];
        set.into_iter().map(|(key, value)| (key, value.to_owned())).collect()
    };
    vec![
        way("8", "none", "none"),
        way("4", "none", "none"),
        way("none", &half, "none"),
        way("none", "none", "importance"),
        way("none", "none", "recency"),
        way("4", &half, "importance"),
    ]
}

fn plan(args: &KvQualityArgs, context: u32, way: &Settings) -> Result<Plan, Error> {
    let is_native = args.browser == "native";
    let platform = args.platform.clone().unwrap_or_else(|| if is_native { "native-cpu" } else { "webgpu" }.into());
    let word = "kv_cache";
    let flags = Flags {
        name: Some("kv_cache".into()),
        browsers: vec![args.browser.clone()],
        platforms: vec![platform],
        models: args.model.clone(),
        optimizations: vec![word.into()],
        settings: way.iter().map(|(key, value)| (word.into(), (*key).to_owned(), value.clone())).collect(),
        scenario: Scenario { tokens: Some(context), decode: Some(DECODE), ..Scenario::default() },
        // Quality and bytes are counted, not sampled.
        min_samples: Some(1),
        max_samples: Some(1),
        pages: Some(1),
        ..Flags::default()
    };
    Plan::new(&Spec::from_flags(&flags, |_| None)?, None, None)
}
