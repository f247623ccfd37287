//! Kernels timed by themselves compute what they should, whatever they may use.

use matrix_engine::{
    host::Host,
    protocol::{Activations, BenchAttention, BenchForm, BenchWeights, BenchWork, FailureKind, Outcome, Platform, Step},
};

fn bench(platform: Platform, work: BenchWork) -> Outcome {
    pollster::block_on(Host::new("").perform(Step::Bench { platform, work, budget_ms: 1.0 }))
}

fn linear(rows: u32, weights: BenchWeights, activations: Activations) -> BenchWork {
    let form = BenchForm { activations, subgroups: true, hardware: true, ..BenchForm::default() };
    BenchWork::Linear { rows, outputs: 200, inputs: 320, weights, form }
}

const INTEGER: BenchWeights = BenchWeights::Integer { bits: 4, group: 128, zeros: true };

#[test]
fn a_kernel_is_checked_and_timed() {
    for platform in [Platform::NativeCpu, Platform::NativeGpu] {
        if platform.is_gpu() && std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
            continue;
        }
        let floats = [BenchWeights::F32, BenchWeights::F16].map(|weights| (weights, Activations::Auto));
        let integers = [Activations::F32, Activations::F16, Activations::Int8].map(|way| (INTEGER, way));
        for (weights, activations) in floats.into_iter().chain(integers) {
            let Outcome::Benched { bench } = bench(platform, linear(1, weights, activations)) else {
                panic!("{weights:?}")
            };
            assert!(bench.normalised_error < 5e-4, "{bench:?}");
            assert!(bench.samples_us.len() > 3 && bench.samples_us.iter().all(|us| *us > 0.0), "{bench:?}");
            let bits = bench.bytes as f64 * 8.0 / (200.0 * 320.0);
            let stored = match weights {
                BenchWeights::F32 => 32.0,
                BenchWeights::F16 => 16.0,
                // Three groups to a row: a scale and a zero point each.
                BenchWeights::Integer { .. } => 4.0 + 3.0 * 20.0 / 320.0,
            };
            assert!((bits - stored).abs() < 0.01, "{weights:?}: {bits} bits");
        }
        for (queries, flash) in [(1, false), (1, true), (90, false), (90, true)] {
            let form = BenchForm { subgroups: true, hardware: true, ..BenchForm::default() };
            let work = BenchAttention { queries, keys: 150, heads: 4, kv_heads: 2, width: 20, flash, form };
            let Outcome::Benched { bench } = bench(platform, BenchWork::Attention(work)) else { panic!("{work:?}") };
            assert!(bench.normalised_error < 1e-8, "{bench:?}");
            assert_eq!(bench.bytes, 150 * 2 * 20 * 8);
            assert_eq!(
                platform.is_gpu() && flash,
                bench.kernels.iter().any(|name| name.starts_with("Flash")),
                "{bench:?}"
            );
        }
        let Outcome::Benched { bench } = bench(platform, BenchWork::Copy { bytes: 1 << 20 }) else { panic!("copy") };
        assert_eq!(bench.bytes, 2 << 20);
    }
}

#[test]
fn what_cannot_be_timed_is_refused() {
    let three = BenchWeights::Integer { bits: 3, group: 128, zeros: false };
    for work in [
        linear(0, BenchWeights::F32, Activations::Auto),
        linear(1, three, Activations::Auto),
        BenchWork::Copy { bytes: u64::MAX },
    ] {
        let outcome = bench(Platform::NativeCpu, work);
        assert!(matches!(&outcome, Outcome::Failed { kind: FailureKind::Unsupported, .. }), "{outcome:?}");
    }
}
