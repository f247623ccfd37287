//! A GPU that has too little memory for a model.

use std::process::Command;

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{FailureKind, ModelSource, Options, Outcome, Platform, Step},
};

/// Kilobytes of addresses, too few for a llama's five gigabytes. Nothing of them is ever touched.
const ADDRESSES: &str = "4000000";

/// The GPU is lavapipe here, which takes its memory from the process: one that may have little of it.
#[test]
fn a_gpu_without_memory_is_told_and_nothing_stays() {
    if std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
        return;
    }
    let limited =
        format!("ulimit -v {ADDRESSES} && exec \"$0\" --exact scarce::with_little_memory --ignored --nocapture");
    let this = std::env::current_exe().expect("this program");
    let output = Command::new("sh").arg("-c").arg(limited).arg(this).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    println!("{said}");
}

#[test]
#[ignore = "for a process that may have little memory"]
fn with_little_memory() {
    let mut host = Host::new("");
    let mut perform = |step| pollster::block_on(host.perform(step));
    let load = |size| Step::Load {
        slot: "a".into(),
        platform: Platform::NativeGpu,
        model: ModelSource::Synthetic { family: Family::Llama, size, seed: 1 },
        options: Options::default(),
        work: Vec::new(),
    };
    let Outcome::Failed { kind, message } = perform(load(Size::Full)) else { panic!("there is memory enough") };
    println!("{message}");
    assert_eq!(kind, FailureKind::OutOfMemory, "{message}");
    assert!(message.starts_with("tensor 'model."), "{message}");
    assert!(message.contains("': GPU out of memory: expected "), "{message}");
    let Outcome::Unloaded { memory } = perform(Step::Unload { slot: "a".into() }) else { panic!("not unloaded") };
    assert!(memory.total.peak > 0, "the account of the load that failed");
    assert_eq!((memory.total.live, memory.whole.live), (0, 0), "nothing stays");
    // What has room is loaded by the same device.
    assert!(matches!(perform(load(Size::Tiny)), Outcome::Loaded { .. }));
}
