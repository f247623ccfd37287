//! Every reference case on every native platform, against numbers this engine did not compute.

use std::path::{Path, PathBuf};

use matrix_engine::{
    conformance::{Case, compare, merge},
    host::Host,
    protocol::{FlashAttention, ModelSource, Options, Outcome, Platform, Step},
};

const FAMILIES: &[&str] = &[
    "bert",
    "bert_mlm",
    "roberta",
    "roberta_mlm",
    "gpt2",
    "llama",
    "qwen2",
    "t5",
    "t5_v1_1",
    "whisper",
    "vit",
    "vit_unbiased",
    "clip",
    "clip_legacy",
    "resnet",
    "resnet_basic",
    "resnet_early",
    "convnext",
    "convnext_plain",
    "wav2vec2",
    "wav2vec2_stable",
    "wav2vec2_mixed",
    "xclip",
    "clap",
    "clap_padded",
    "clap_fused",
    "llava",
    "llava_next",
    "llama_bias",
    "llama_dynamic",
    "llama_l3",
    "llama_yarn",
];

fn folder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(family)
}

fn perform(host: &mut Host, step: Step) -> Outcome {
    let outcome = pollster::block_on(host.perform(step));
    assert!(!matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    outcome
}

/// Runs every case on `platform` and prints one row per family.
fn check(platform: Platform, options: &Options) {
    let mut failures = Vec::new();
    for family in FAMILIES {
        let case = pollster::block_on(Case::read(&folder(family))).expect("the case is readable");
        let mut host = Host::new("");
        let model = ModelSource::Folder { at: folder(family).display().to_string() };
        perform(
            &mut host,
            Step::Load { slot: "model".into(), platform, model, options: options.clone(), work: Vec::new() },
        );
        let (mut worst_abs, mut worst_rel, mut used) = (0.0_f64, 0.0_f64, 0.0_f64);
        for run in &case.runs {
            let outcomes = run.steps("model").into_iter().map(|step| perform(&mut host, step)).collect();
            let got = merge(outcomes).expect("outputs");
            for row in compare(run, &got, platform).expect("comparable") {
                worst_abs = worst_abs.max(row.max_abs);
                worst_rel = worst_rel.max(row.max_rel);
                used = used.max(if row.bound > 0.0 { row.max_abs / row.bound } else { row.max_abs });
                if !row.ok {
                    failures.push(format!("{family} {} {row:?}", run.name));
                }
            }
        }
        println!(
            "{family:<15} {:<10} max abs {worst_abs:.2e}  max rel {worst_rel:.2e}  {:.0}% of the bound",
            platform.name(),
            used * 100.0
        );
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_cpu_agrees_with_the_reference() {
    check(Platform::NativeCpu, &Options::default());
}

#[test]
fn the_gpu_agrees_with_the_reference() {
    // A machine without any adapter has to say so: a test that skips itself proves nothing.
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
        check(Platform::NativeGpu, &Options::default());
    }
}

#[test]
fn flash_attention_agrees_with_the_reference() {
    let options = Options { flash_attention: Some(FlashAttention::default()), ..Options::default() };
    check(Platform::NativeCpu, &options);
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none() {
        check(Platform::NativeGpu, &options);
    }
}
