//! Times one forward pass of a synthetic model natively, over the inputs it says it takes:
//! `cargo bench -p matrix-engine -- [FAMILY] [SIZE] [PLATFORM] [FORMAT]`. Prints milliseconds.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    protocol::{Integer, ModelInfo, ModelSource, Options, Outcome, Platform, Step, Tensors},
};

/// What is asked of a model, by preference.
const OUTPUTS: [&str; 5] = ["logits", "logits_per_image", "logits_per_video", "logits_per_audio", "last_hidden_state"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    // A word of one kind leaves the other kinds free.
    let asked = |name: &str, kind: &[&str]| {
        !words.iter().any(|word| kind.contains(&word.as_str())) || words.iter().any(|word| word == name)
    };
    let families: Vec<&str> = Family::ALL.iter().map(|family| family.name()).collect();
    let sizes: Vec<&str> = Size::ALL.iter().map(|size| size.name()).collect();
    let platforms = [Platform::NativeCpu, Platform::NativeGpu];
    let platform_names = platforms.map(Platform::name);
    for &family in Family::ALL.iter().filter(|family| asked(family.name(), &families)) {
        for &size in Size::ALL.iter().filter(|size| asked(size.name(), &sizes)) {
            for platform in platforms.into_iter().filter(|platform| asked(platform.name(), &platform_names)) {
                for (format, integer) in [("f32", None), ("int4", Some(Integer::bits(4)))] {
                    if !asked(format, &["f32", "int4"]) {
                        continue;
                    }
                    let head = format!("{:<9} {:<6} {:<10} {format:<5}", family.name(), size.name(), platform.name());
                    match time(family, size, platform, Options { integer, ..Options::default() }) {
                        Ok([load, first, best]) => {
                            println!("{head} load {load:7.0} ms  first {first:7.1} ms  best {best:7.1} ms");
                        }
                        Err(message) => println!("{head} {message}"),
                    }
                }
            }
        }
    }
}

/// Load time, first and best time of a few passes, in milliseconds.
fn time(family: Family, size: Size, platform: Platform, options: Options) -> Result<[f64; 3], String> {
    let mut host = Host::new("");
    let model = ModelSource::Synthetic { family, size, seed: 1 };
    let load = Step::Load { slot: "model".into(), platform, model, options, work: Vec::new() };
    let (load, model): (f64, ModelInfo) = match pollster::block_on(host.perform(load)) {
        Outcome::Loaded { measures, model, .. } => (measures[0].value, model),
        other => return Err(format!("{other:?}")),
    };
    let inputs: Tensors = model.inputs.iter().map(|input| (input.name.clone(), input.sample(1))).collect();
    let known = |name: &&str| model.outputs.iter().any(|output| output == name);
    let output = OUTPUTS.into_iter().find(known).ok_or("no output to ask for")?;
    let mut pass = || {
        let (inputs, outputs) = (inputs.clone(), vec![output.to_owned()]);
        match pollster::block_on(host.perform(Step::Infer { slot: "model".into(), inputs, outputs, reply: false })) {
            Outcome::Inferred { measures, .. } => Ok(measures[0].value),
            other => Err(format!("{other:?}")),
        }
    };
    let first = pass()?;
    let mut best = f64::INFINITY;
    for _ in 0..6 {
        best = best.min(pass()?);
    }
    Ok([load, first, best])
}
