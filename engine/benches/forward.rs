//! Times one forward pass of a synthetic model natively: `cargo bench -p matrix-engine -- [SIZE] [PLATFORM]`.
//! Prints milliseconds and, for the linear layers alone, GFLOP/s.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{Int4, ModelSource, Options, Outcome, Platform, Step, Tensor, Tensors},
};

const LENGTH: usize = 128;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    // A word of one kind leaves the other kind free.
    let asked = |name: &str, kind: &[&str]| {
        !words.iter().any(|word| kind.contains(&word.as_str())) || words.iter().any(|word| word == name)
    };
    let (size_names, platform_names) = (["tiny", "small", "full"], ["native-cpu", "native-gpu"]);
    let sizes = [(Size::Tiny, 256.0, 4.0), (Size::Small, 768.0, 2.0), (Size::Full, 768.0, 12.0)];
    for (size, hidden, layers) in sizes.into_iter().filter(|(size, ..)| asked(size.name(), &size_names)) {
        for platform in
            [Platform::NativeCpu, Platform::NativeGpu].into_iter().filter(|p| asked(p.name(), &platform_names))
        {
            for int4 in [None, Some(Int4::default())] {
                let format = if int4.is_some() { "int4" } else { "f32" };
                let flop = 2.0 * 12.0 * hidden * hidden * layers * LENGTH as f64;
                match time(size, platform, Options { int4 }) {
                    Ok((load, first, best)) => println!(
                        "{:<6} {:<10} {format:<5} load {load:7.0} ms  first {first:7.1} ms  best {best:7.1} ms  {:6.1} GFLOP/s",
                        size.name(),
                        platform.name(),
                        flop / best / 1e6
                    ),
                    Err(message) => println!("{:<6} {:<10} {format:<5} {message}", size.name(), platform.name()),
                }
            }
        }
    }
}

/// Load time, first and best time of a few passes, in milliseconds.
fn time(size: Size, platform: Platform, options: Options) -> Result<(f64, f64, f64), String> {
    let mut host = Host::new("");
    let mut perform = |step| match pollster::block_on(host.perform(step)) {
        Outcome::Loaded { measures, .. } | Outcome::Inferred { measures, .. } => Ok(measures[0].value),
        other => Err(format!("{other:?}")),
    };
    let model = ModelSource::Synthetic { family: Family::Bert, size, seed: 1 };
    let load = perform(Step::Load { slot: "model".into(), platform, model, options })?;
    let ids = (0..LENGTH).map(|i| (i * 31 % 4000) as i32).collect();
    let inputs = Tensors::from([("input_ids".to_owned(), Tensor::i32(&[1, LENGTH], ids))]);
    let mut pass = || {
        let (inputs, outputs) = (inputs.clone(), vec!["last_hidden_state".to_owned()]);
        perform(Step::Infer { slot: "model".into(), inputs, outputs, reply: false })
    };
    let first = pass()?;
    let mut best = f64::INFINITY;
    for _ in 0..6 {
        best = best.min(pass()?);
    }
    Ok((load, first, best))
}
