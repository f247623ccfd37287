//! Every preset can be run by who knows no family: from the inputs it says it takes to outputs that mean something.

use matrix_engine::{
    catalog::{Family, Size},
    host::Host,
    load::preset,
    protocol::{InputKind, ModelSource, Options, Outcome, Platform, Step, Tensors},
};

/// What a user wants of a model, by preference.
const MAIN: [&str; 4] = ["logits", "logits_per_image", "logits_per_video", "logits_per_audio"];

#[test]
fn tiny_presets_give_numbers_that_differ_and_stay_small() {
    for &family in Family::ALL {
        for platform in [Platform::NativeCpu, Platform::NativeGpu] {
            if platform.is_gpu() && std::env::var_os("MATRIX_NO_NATIVE_GPU").is_some() {
                continue;
            }
            let mut host = Host::new("");
            let model = ModelSource::Synthetic { family, size: Size::Tiny, seed: 3 };
            let load =
                Step::Load { slot: "model".into(), platform, model, options: Options::default(), work: Vec::new() };
            let outcome = pollster::block_on(host.perform(load));
            let Outcome::Loaded { model, .. } = outcome else { panic!("{family:?}: {outcome:?}") };
            assert!(!model.inputs.is_empty(), "{family:?}");
            let Some(main) = MAIN.iter().find(|main| model.outputs.iter().any(|output| output == *main)) else {
                continue;
            };
            let mut answers = Vec::new();
            for seed in [1, 2] {
                let inputs: Tensors = model.inputs.iter().map(|i| (i.name.clone(), i.sample(seed))).collect();
                for input in model.inputs.iter().filter(|input| input.kind == InputKind::Ids) {
                    let ids = inputs[&input.name].as_i32().expect("integers");
                    assert!(ids.iter().all(|&id| (0..input.bound as i32).contains(&id)), "{family:?}");
                }
                let outputs = vec![(*main).to_owned()];
                let infer = Step::Infer { slot: "model".into(), inputs, outputs, reply: true };
                let outcome = pollster::block_on(host.perform(infer));
                let Outcome::Inferred { outputs, .. } = outcome else { panic!("{family:?}: {outcome:?}") };
                answers.push(outputs[*main].as_f32().expect("floats").to_vec());
            }
            let largest = answers[0].iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            assert!(answers.iter().flatten().all(|v| v.is_finite()), "{family:?}");
            assert!((1e-3..200.0).contains(&largest), "{family:?} {largest}");
            let apart = answers[0].iter().zip(&answers[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart > 1e-3 * largest, "{family:?}: the same for every input");
            if answers[0].len() > 1 {
                let (low, high) = answers[0].iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
                assert!(high - low > 0.01 * largest, "{family:?}: the same everywhere");
            }
            println!("{:<10} {:<10} {main} up to {largest:.3}, {apart:.3} apart", family.name(), platform.name());
        }
    }
}

#[test]
fn full_presets_have_the_published_number_of_parameters() {
    // Millions, from the model cards and papers.
    let published = [
        (Family::Vit, 86.6),
        (Family::Clip, 151.3),
        (Family::Resnet, 25.6),
        (Family::Convnext, 28.6),
        (Family::Wav2vec2, 94.4),
        (Family::Xclip, 196.6),
        (Family::Clap, 153.5),
    ];
    for (family, millions) in published {
        let origin = matrix_engine::load::Origin::Synthetic(matrix_engine::load::Synthetic::new(0));
        let built = matrix_engine::model::build(&preset::config(family, Size::Full), &origin).expect("builds");
        let count: usize = built.declared.iter().map(matrix_engine::weights::Declared::elements).sum();
        let count = count as f64 / 1e6;
        assert!((count - millions).abs() < 0.06 + 0.002 * millions, "{family:?}: {count} million");
    }
}
