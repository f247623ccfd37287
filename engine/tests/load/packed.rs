//! Checkpoints that are quantized already: nothing of their integers is lost, however they are packed and loaded.

use std::{collections::BTreeMap, fs, rc::Rc};

use half::f16;
use matrix_engine::{
    device::{Device, Space},
    host::Host,
    load::{Checkpoint, Config, Folder, Origin},
    model,
    protocol::{
        Activations, Integer, Offload, Options, Outcome, Parallel, Platform, Progressive, Step, Streaming, Tensor,
        Tensors, Work,
    },
    weights::{Store, Weight, integer::Matrix},
};
use safetensors::tensor::Dtype;
use serde_json::json;

use super::{
    copy::{Copy, Raw, cosine, floats},
    packing::Recipe,
};

const RECIPES: [Recipe; 9] = [
    Recipe::gptq(4, 32, true),
    Recipe::gptq(4, 32, false),
    Recipe { format: "gptq_v2", ..Recipe::gptq(4, 64, false) },
    Recipe::gptq(8, -1, false),
    Recipe::awq(32),
    Recipe::awq(-1),
    Recipe::gptq(4, 32, true).reordered(),
    Recipe { format: "gptq_v2", ..Recipe::gptq(8, 32, false).reordered() },
    Recipe::gptq(4, -1, false).reordered(),
];

/// A copy of a model whose linear layers are packed, except the head and one that is left in f16; and one of floats
/// that mean the same.
fn packed(family: &str, name: &str, recipe: Recipe) -> (Copy, Copy) {
    let (packed, plain) = (Copy::of(family, &format!("{name}-packed")), Copy::of(family, &format!("{name}-plain")));
    let (mut weights, mut meant) = (packed.weights(), plain.weights());
    let linear = |name: &str| name.contains("_proj.weight") && !name.contains("layers.1.mlp.up_proj");
    let names: Vec<String> = weights.keys().filter(|name| linear(name)).cloned().collect();
    assert_eq!(names.len(), 13);
    for name in names {
        let values = recipe.pack(&mut weights, &name);
        let tensor = meant.get_mut(&name).expect("there");
        tensor.2 = bytemuck::cast_slice(&values).to_vec();
    }
    for weights in [&mut weights, &mut meant] {
        let (dtype, _, bytes) = weights.get_mut("model.layers.1.mlp.up_proj.weight").expect("there");
        *bytes = floats(bytes).iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
        *dtype = Dtype::F16;
    }
    packed.write("model.safetensors", &weights);
    packed.change_config("quantization_config", recipe.config());
    plain.write("model.safetensors", &meant);
    (packed, plain)
}

fn int(bits: u32) -> Options {
    Options { integer: Some(Integer::bits(bits)), ..Options::default() }
}

/// Every weight as floats, by name, and how many of them are integers on the device.
fn weights(copy: &Copy, options: &Options) -> (BTreeMap<String, Vec<f32>>, usize) {
    pollster::block_on(async {
        let folder = Folder::new("", &copy.0.display().to_string());
        let config = Config::read(&folder).await.expect("a configuration");
        let origin = Origin::Files(Checkpoint::open(folder, &config).await.expect("weights"));
        let built = model::build(&config, &origin).expect("builds");
        let space = Space::new(Device::Cpu);
        let store = Store::open(Rc::new(origin), &built.declared, options, &space).await.expect("loads");
        assert_eq!(space.memory().total.live, store.bytes, "what was gathered is gone");
        let (mut all, mut integers) = (BTreeMap::new(), 0);
        for (declared, weight) in built.declared.iter().zip(store.weights.iter()) {
            let mut values = vec![0.0; declared.elements()];
            match weight {
                Weight::F32(buffer) => values = bytemuck::cast_vec(space.read(buffer).await.expect("readable")),
                Weight::F16 { layout, halves } => {
                    let words = space.read(halves).await.expect("readable");
                    let rows = values.chunks_exact_mut(layout.columns).enumerate();
                    rows.for_each(|(row, values)| layout.row(&words, row, values));
                }
                Weight::Integer { layout, codes, scales, zeros, order, .. } => {
                    let codes = space.read(codes).await.expect("readable");
                    let scales = space.read(scales).await.expect("readable");
                    let zeros = match zeros {
                        Some(zeros) => space.read(zeros).await.expect("readable"),
                        None => Vec::new(),
                    };
                    let order = match order {
                        Some(order) => space.read(order).await.expect("readable"),
                        None => Vec::new(),
                    };
                    let (codes, scales, zeros, order) = (&codes, &scales, &zeros, &order);
                    let matrix = Matrix { layout: *layout, codes, scales, zeros, order };
                    let rows = values.chunks_exact_mut(layout.columns).enumerate();
                    rows.for_each(|(row, values)| matrix.row(row, values));
                    integers += 1;
                }
            }
            all.insert(declared.name.clone(), values);
        }
        (all, integers)
    })
}

/// Logits of a few ids. What is compiled ahead is all that they need.
fn logits(copy: &Copy, platform: Platform, options: &Options) -> Vec<f32> {
    let mut host = Host::new("");
    let mut perform = |step| pollster::block_on(host.perform(step));
    let (slot, model) = ("model".to_owned(), copy.source());
    let inputs = Tensors::from([("input_ids".to_owned(), Tensor::i32(&[1, 9], (3..12).collect()))]);
    let outputs = vec!["logits".to_owned()];
    let work = vec![Work { inputs: inputs.clone(), outputs: outputs.clone(), decode: Vec::new() }];
    let loaded = perform(Step::Load { slot: slot.clone(), platform, model, options: options.clone(), work });
    assert!(matches!(loaded, Outcome::Loaded { .. }), "{loaded:?}");
    match perform(Step::Infer { slot, inputs, outputs, reply: true }) {
        Outcome::Inferred { outputs, measures, .. } => {
            let missed = measures.iter().any(|it| it.metric == "shader_misses" && it.value > 0.0);
            assert!(!options.shader_precompile || !missed, "{measures:?}");
            outputs["logits"].as_f32().expect("floats").to_vec()
        }
        other => panic!("not inferred: {other:?}"),
    }
}

fn platforms() -> Vec<Platform> {
    let gpu = std::env::var_os("MATRIX_NO_NATIVE_GPU").is_none().then_some(Platform::NativeGpu);
    std::iter::once(Platform::NativeCpu).chain(gpu).collect()
}

#[test]
fn integers_are_taken_over_exactly_or_read_as_floats() {
    for (index, recipe) in RECIPES.into_iter().enumerate() {
        let (packed, plain) = packed("llama", &format!("exact{index}"), recipe);
        let (want, _) = weights(&plain, &Options::default());
        let (got, integers) = weights(&packed, &int(recipe.bits));
        assert_eq!(integers, 13, "what was left in floats stays there");
        assert!(got == want, "{recipe:?} as integers");
        let (got, integers) = weights(&packed, &Options::default());
        assert_eq!(integers, 0);
        assert!(got == want, "{recipe:?} as floats");
        let halves = Options { f16: true, ..Options::default() };
        assert!(weights(&packed, &halves) == weights(&plain, &halves), "{recipe:?} as halves");
        for platform in platforms() {
            let want = logits(&plain, platform, &Options::default());
            assert!(logits(&packed, platform, &Options::default()) == want, "{recipe:?} on {platform:?}");
            let close = cosine(&logits(&packed, platform, &int(recipe.bits)), &want);
            assert!(close > 0.999_9, "{recipe:?} on {platform:?}: {close}");
        }
    }
}

#[test]
fn inputs_in_another_order_are_multiplied_with_what_integers_may_be() {
    let (packed, plain) = packed("llama", "ordered", Recipe::gptq(4, 32, true).reordered());
    for platform in platforms() {
        let want = logits(&plain, platform, &Options::default());
        for activations in [Activations::F32, Activations::F16, Activations::Int8] {
            let integer = Some(Integer { activations, ..Integer::bits(4) });
            for shader_precompile in [false, platform == Platform::NativeGpu] {
                let options = Options { integer: integer.clone(), shader_precompile, ..Options::default() };
                let close = cosine(&logits(&packed, platform, &options), &want);
                assert!(close > 0.999, "{activations:?} on {platform:?}: {close}");
            }
        }
    }
}

#[test]
fn names_may_leave_out_layers_or_ask_for_more() {
    let (packed, _) = packed("llama", "names", Recipe::awq(32));
    let integers = |skip: &[&str], high: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let integer = Integer { skip_names: owned(skip), high_bits_names: owned(high), ..Integer::bits(4) };
        weights(&packed, &Options { integer: Some(integer), ..Options::default() }).1
    };
    assert_eq!(integers(&["*layers.0*"], &[]), 6);
    assert_eq!(integers(&[], &["lm_head*"]), 14);
}

#[test]
fn the_way_weights_come_changes_nothing() {
    for (name, recipe) in [("ways", Recipe::gptq(4, 32, false)), ("turns", Recipe::gptq(4, 32, false).reordered())] {
        every_way(name, recipe);
    }
}

fn every_way(name: &str, recipe: Recipe) {
    let (packed, plain) = packed("llama", name, recipe);
    // Parts of one matrix in different files, and codes before their scales.
    let mut shards = [Raw::new(), Raw::new(), Raw::new()];
    let mut map = serde_json::Map::new();
    for (index, (name, tensor)) in packed.weights().into_iter().enumerate() {
        map.insert(name.clone(), format!("model-{}.safetensors", index % 3).into());
        shards[index % 3].insert(name, tensor);
    }
    for (index, shard) in shards.iter().enumerate() {
        packed.write(&format!("model-{index}.safetensors"), shard);
    }
    fs::write(packed.0.join("model.safetensors.index.json"), json!({ "weight_map": map }).to_string())
        .expect("written");
    fs::remove_file(packed.0.join("model.safetensors")).expect("removable");
    let progressive = |overlap| Options {
        progressive_loading: Some(Progressive { chunk_mb: Some(1), overlap, ..Progressive::default() }),
        ..Options::default()
    };
    let ways = [
        progressive(false),
        progressive(true),
        Options { parallel_loading: Some(Parallel::default()), ..Options::default() },
        Options { streaming: Some(Streaming::default()), ..Options::default() },
        Options { cpu_offload: Some(Offload::default()), ..Options::default() },
    ];
    for platform in platforms() {
        for integer in [None, Some(Integer::bits(4))] {
            let usual = Options { integer, ..Options::default() };
            let want = logits(&packed, platform, &usual);
            if usual.integer.is_none() {
                assert!(want == logits(&plain, platform, &usual));
            }
            for way in &ways {
                let options = Options { integer: usual.integer.clone(), ..way.clone() };
                assert!(logits(&packed, platform, &options) == want, "{options:?} on {platform:?}");
            }
        }
    }
}

#[test]
fn matrices_whose_axes_other_files_exchange_are_packed_like_all() {
    let recipe = Recipe::gptq(4, -1, false);
    let (packed, plain) = (Copy::of("gpt2", "axes-packed"), Copy::of("gpt2", "axes-plain"));
    let (mut weights, mut meant) = (packed.weights(), plain.weights());
    let linear = |name: &str| name.contains(".h.") && (name.contains("attn.c_") || name.contains("mlp.c_"));
    let names: Vec<String> = weights.keys().filter(|it| linear(it) && it.ends_with(".weight")).cloned().collect();
    assert_eq!(names.len(), 8);
    let exchanged = |values: &[f32], [rows, columns]: [usize; 2]| -> Vec<u8> {
        let value = |place: usize| values[place % rows * columns + place / rows];
        (0..values.len()).flat_map(|place| value(place).to_le_bytes()).collect()
    };
    for name in names {
        let tensor = weights.get_mut(&name).expect("there");
        let [inputs, outputs] = tensor.1.as_slice().try_into().expect("a matrix");
        *tensor = (Dtype::F32, vec![outputs, inputs], exchanged(&floats(&tensor.2), [inputs, outputs]));
        let values = recipe.pack(&mut weights, &name);
        meant.get_mut(&name).expect("there").2 = exchanged(&values, [outputs, inputs]);
    }
    packed.write("model.safetensors", &weights);
    packed.change_config("quantization_config", recipe.config());
    plain.write("model.safetensors", &meant);
    for platform in platforms() {
        let want = logits(&plain, platform, &Options::default());
        assert!(logits(&packed, platform, &Options::default()) == want);
        let close = cosine(&logits(&packed, platform, &int(4)), &want);
        assert!(close > 0.999_9, "{platform:?}: {close}");
    }
}

/// The message with which a load fails, with the folder's name cut out.
fn refusal(copy: &Copy, options: Options) -> String {
    let platform = Platform::NativeCpu;
    let step = Step::Load { slot: "model".into(), platform, model: copy.source(), options, work: Vec::new() };
    match pollster::block_on(Host::new("").perform(step)) {
        Outcome::Failed { message, .. } => message.replace(&format!("{}: ", copy.0.display()), ""),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn what_cannot_be_taken_over_is_refused() {
    let (copy, _) = packed("llama", "refused", Recipe::gptq(4, 32, true));
    let whole = copy.weights();
    let changed = |change: &dyn Fn(&mut Raw)| {
        let mut weights = whole.clone();
        change(&mut weights);
        copy.write("model.safetensors", &weights);
        refusal(&copy, int(4))
    };
    let q = |part: &str| format!("model.layers.0.self_attn.q_proj.{part}");
    let told = [
        refusal(&copy, int(8)),
        changed(&|weights| {
            let order = weights.get_mut(&q("g_idx")).expect("there");
            order.2[..4].copy_from_slice(&1_u32.to_le_bytes());
        }),
        changed(&|weights| {
            let order = weights.get_mut(&q("g_idx")).expect("there");
            (order.1, order.2) = (vec![63], order.2[4..].to_vec());
        }),
        changed(&|weights| {
            let zeros = weights.get_mut(&q("qzeros")).expect("there");
            zeros.2[0] = 0x72;
        }),
        changed(&|weights| {
            weights.remove(&q("scales"));
        }),
        changed(&|weights| {
            let (dtype, _, bytes) = weights.get_mut(&q("scales")).expect("there");
            (*dtype, *bytes) = (Dtype::F32, [bytes.clone(), bytes.clone()].concat());
        }),
        changed(&|weights| {
            let scales = weights.get_mut(&q("scales")).expect("there");
            scales.2[..2].copy_from_slice(&f16::NAN.to_le_bytes());
        }),
        changed(&|weights| {
            let table = weights["model.layers.0.self_attn.q_proj.qweight"].clone();
            weights.insert("model.embed_tokens.qweight".into(), table);
        }),
    ];
    copy.write("model.safetensors", &whole);
    let mut config = Recipe::gptq(4, 64, true).config();
    copy.change_config("quantization_config", config.clone());
    let other_group = refusal(&copy, int(4));
    config["quant_method"] = json!("bitsandbytes");
    copy.change_config("quantization_config", config);
    let other_method = refusal(&copy, Options::default());
    let all: Vec<String> = told.into_iter().chain([other_group, other_method]).collect();
    let together = "(hint: quantization_config of config.json and the weights do not belong together)";
    let want = [
        "int8: the weights are integers of another width already: expected int4, as the files have it, found 8 bits"
            .to_owned(),
        format!(
            "tensor '{}': g_idx: its inputs were quantized in another order than they lie in: expected group 0 for \
             input 0, found 1 (hint: `desc_act` of config.json has to be true for these weights)",
            q("weight")
        ),
        format!(
            "tensor '{}': not the tensor that belongs there: expected I32 [64] for [64, 64] in 4 bits, found I32 [63] \
             {together}",
            q("g_idx")
        ),
        format!(
            "tensor '{}': qzeros: a zero point is not in the middle: expected 8, as `sym` says, found 3 \
             (hint: `sym` of config.json has to be false for these weights)",
            q("weight")
        ),
        format!("tensor '{}': missing tensor {together}", q("scales")),
        format!(
            "tensor '{}': not the tensor that belongs there: expected F16 [2, 64] for [64, 64] in 4 bits, \
             found F32 [2, 64] {together}",
            q("scales")
        ),
        format!("tensor '{}': scales: holds a value that is not finite: found NaN", q("weight")),
        "tensor 'model.embed_tokens.weight': only matrices of linear layers can be read as packed integers".to_owned(),
        format!(
            "tensor '{}': not the tensor that belongs there: expected F16 [1, 96] for [96, 64] in 4 bits, \
             found F16 [2, 96] {together}",
            "model.layers.0.mlp.gate_proj.scales"
        ),
        "config.json: 'quantization_config.quant_method': unsupported value: expected 'gptq' or 'awq', \
         found 'bitsandbytes' (hint: load the model's unquantized weights, and let the engine quantize them)"
            .to_owned(),
    ];
    assert_eq!(all, want);
}

#[test]
fn groups_that_cannot_be_are_refused() {
    let (copy, _) = packed("llama", "groups", Recipe::gptq(4, 32, true).reordered());
    let whole = copy.weights();
    let name = "model.layers.1.mlp.down_proj.g_idx";
    let refused = |groups: &dyn Fn(&mut [i32])| {
        let mut weights = whole.clone();
        let bytes = &mut weights.get_mut(name).expect("there").2;
        let mut values: Vec<i32> = bytemuck::pod_collect_to_vec(bytes);
        groups(&mut values);
        *bytes = bytemuck::cast_slice(&values).to_vec();
        copy.write("model.safetensors", &weights);
        // As floats just the same.
        let told = [int(4), Options::default()].map(|options| refusal(&copy, options));
        assert_eq!(told[0], told[1]);
        told[0].clone()
    };
    let told =
        [refused(&|groups| groups[7] = -1), refused(&|groups| groups[7] = 3), refused(&|groups| groups.fill(0)), {
            let mut weights = whole.clone();
            weights.remove(name);
            copy.write("model.safetensors", &weights);
            refusal(&copy, int(4))
        }];
    let (weight, hint) = (
        "tensor 'model.layers.1.mlp.down_proj.weight'",
        "(hint: quantization_config of config.json and the weights do not belong together)",
    );
    let strange = |found: &str| {
        let what = "g_idx: an input of a group that does not exist: expected 0 to 2 for input 7, found";
        format!("{weight}: {what} {found} {hint}")
    };
    let want = [
        strange("-1"),
        strange("3"),
        format!("{weight}: g_idx: a group of another length: expected 32 inputs in group 0, found 96 {hint}"),
        format!("tensor '{name}': missing tensor {hint}"),
    ];
    assert_eq!(told, want);
}
