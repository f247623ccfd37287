//! Audio front ends against Hugging Face's feature extractors, and their parts against the same library.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use matrix_engine::{
    audio::{
        Clap, Extractor, Settings, Whisper,
        filters::{Bank, Filters},
        mel::Mel,
        scale::Scale,
        spectrum::Spectrum,
    },
    catalog::{Family, Size},
    device::{
        Device, Space,
        gpu::{Capability, Gpu},
    },
    front_end::FrontEnd,
    host::Host,
    load::{Config, Folder},
    protocol::{Decode, ModelSource, Options, Outcome, Platform, Step, Tensor, Tensors},
};
use safetensors::SafeTensors;
use serde_json::{Value, json};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audio")
}

struct Case {
    info: Value,
    bytes: Vec<u8>,
}

impl Case {
    fn read(name: &str) -> Self {
        let read = |file: &str| std::fs::read(cases().join(name).join(file)).expect(file);
        let info = serde_json::from_slice(&read("case.json")).expect("JSON");
        Self { info, bytes: read("case.safetensors") }
    }

    /// The values of a tensor as f32, with its shape.
    fn tensor(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensors = SafeTensors::deserialize(&self.bytes).expect("safetensors");
        let view = tensors.tensor(name).ok()?;
        let values = match view.dtype() {
            safetensors::Dtype::F32 => {
                view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            safetensors::Dtype::I32 => {
                let integer = |b: &[u8]| i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32;
                view.data().chunks_exact(4).map(integer).collect()
            }
            safetensors::Dtype::U8 => view.data().iter().copied().map(f32::from).collect(),
            other => panic!("{name} is {other:?}"),
        };
        Some((view.shape().to_vec(), values))
    }

    fn wave(&self, name: &str) -> Vec<f32> {
        self.tensor(name).expect(name).1
    }

    /// Compares with the stored tensor `name` and says how far off the worst value is.
    fn compare(&self, name: &str, shape: &[usize], got: &[f32], tolerance: f64) {
        let (stored_shape, stored) = self.tensor(name).expect(name);
        assert_eq!(shape, stored_shape, "{name}");
        let off = got.iter().zip(&stored).map(|(got, stored)| f64::from((got - stored).abs()));
        let worst = off.fold(0.0, |worst: f64, off| if off.is_nan() { f64::INFINITY } else { worst.max(off) });
        println!("{name:50} {worst:.2e} of {tolerance:.2e}");
        assert!(worst <= tolerance, "{name}: {worst:e} is more than {tolerance:e}");
    }
}

/// Every case that has a `preprocessor_config.json`: its features are those that the library makes.
#[test]
fn features_are_those_of_the_library() {
    let mut names: Vec<String> = std::fs::read_dir(cases())
        .expect("cases")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.join("preprocessor_config.json").exists())
        .map(|path| path.file_name().expect("name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        println!("{name}");
        let case = Case::read(&name);
        let text = std::fs::read(cases().join(&name).join("preprocessor_config.json")).expect("settings");
        let settings = Settings::parse(&text).expect("settings");
        let extractor = Extractor::new(case.info["model_type"].as_str().expect("word"), &settings).expect("supported");
        let raw = ["raw_audio", "raw_audio0", "raw_audio1"];
        let clips: Vec<Vec<f32>> = raw.iter().filter_map(|name| Some(case.tensor(name)?.1)).collect();
        let clips: Vec<&[f32]> = clips.iter().map(Vec::as_slice).collect();
        let mut draws = case.info["draws"].as_array().expect("list").iter();
        let mut draw = |_| draws.next().and_then(Value::as_u64).unwrap_or(0) as usize;
        let tensors = extractor.extract(&clips, &mut draw).expect("features");
        compare_all(&case, &tensors);
    }
}

fn compare_all(case: &Case, tensors: &Tensors) {
    let stored = case.info["tensors"].as_object().expect("object");
    let expected: Vec<&String> = stored.keys().filter(|name| !name.starts_with("raw_")).collect();
    for name in expected {
        let tensor = tensors.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let integers = || tensor.as_i32().expect("integers").iter().map(|&value| value as f32).collect();
        let values: Vec<f32> = tensor.as_f32().map_or_else(integers, <[f32]>::to_vec);
        case.compare(name, &tensor.shape, &values, case.info["tolerance_abs"].as_f64().expect("number"));
    }
}

#[test]
fn operations_are_those_of_the_library() {
    let case = Case::read("audio_ops");
    let outputs = case.info["outputs"].as_array().expect("list");
    for output in outputs {
        let name = output["name"].as_str().expect("word");
        let number = |key: &str| output[key].as_u64().unwrap_or(0) as usize;
        let (shape, got) = match output["op"].as_str().expect("word") {
            "stft" => stft(&case.wave(output["input"].as_str().expect("word")), number("n_fft"), number("hop")),
            "power" => power(&case.wave(output["input"].as_str().expect("word")), number("n_fft"), number("hop")),
            "logmel_whisper" => {
                let settings = Settings::parse(b"{}").expect("an object");
                let whisper = Whisper::new(&settings).expect("supported");
                let got = whisper.log_mel(&case.wave(output["input"].as_str().expect("word"))).expect("features");
                (vec![80, got.len() / 80], got)
            }
            "logmel_clap" => {
                let truncation = if output["mel_scale"] == "htk" { "fusion" } else { "rand_trunc" };
                let settings = json!({"frequency_min": 50, "frequency_max": 14000, "truncation": truncation});
                let settings = Settings::parse(settings.to_string().as_bytes()).expect("an object");
                let clap = Clap::new(&settings).expect("supported");
                let got = clap.log_mel(&case.wave(output["input"].as_str().expect("word"))).expect("features");
                (vec![got.len() / 64, 64], got)
            }
            "mel_filter_bank" => {
                let bins = number("n_fft") / 2 + 1;
                let slaney = output["mel_scale"] == "slaney";
                let bank = Bank {
                    bands: number("n_mels"),
                    bins,
                    sampling_rate: u32::try_from(number("sampling_rate")).expect("fits"),
                    lowest: output["f_min"].as_f64().expect("number"),
                    highest: output["f_max"].as_f64().expect("number"),
                    scale: if slaney { Scale::Slaney } else { Scale::Htk },
                    equal_area: slaney,
                };
                (vec![bins, number("n_mels")], Filters::new(&bank).dense(bins))
            }
            other => panic!("unknown operation {other}"),
        };
        case.compare(name, &shape, &got, output["tolerance_abs"].as_f64().expect("number"));
    }
}

/// [bins, frames, (re, im)]
fn stft(wave: &[f32], length: usize, hop: usize) -> (Vec<usize>, Vec<f32>) {
    let spectrum = Spectrum::new(length, hop);
    let (bins, frames) = (spectrum.bins(), spectrum.count(wave.len()));
    let mut out = vec![0.0; bins * frames * 2];
    let mut scratch = spectrum.scratch();
    for frame in 0..frames {
        for (bin, value) in spectrum.complex(wave, frame, &mut scratch).expect("fits").iter().enumerate() {
            out[(bin * frames + frame) * 2] = value.re;
            out[(bin * frames + frame) * 2 + 1] = value.im;
        }
    }
    (vec![bins, frames, 2], out)
}

/// [bins, frames]
fn power(wave: &[f32], length: usize, hop: usize) -> (Vec<usize>, Vec<f32>) {
    let (shape, complex) = stft(wave, length, hop);
    let got = complex.chunks_exact(2).map(|pair| pair[0] * pair[0] + pair[1] * pair[1]).collect();
    (shape[..2].to_vec(), got)
}

#[test]
fn a_front_end_that_would_not_fit_in_memory_is_refused() {
    let bank = Bank {
        bands: 512,
        bins: 9,
        sampling_rate: 16000,
        lowest: 0.0,
        highest: 8000.0,
        scale: Scale::Htk,
        equal_area: false,
    };
    let error = Mel::new(16, 1, &bank).power(&[0.0; 4], 1 << 20).expect_err("too many").to_string();
    assert_eq!(error, "audio: too many features: expected at most 67108864, found 1048576 frames of 512 bands");
}

#[test]
fn settings_that_are_not_supported_say_so() {
    let refuse = |model_type: &str, text: &str| {
        let settings = Settings::parse(text.as_bytes()).expect("an object");
        Extractor::new(model_type, &settings).err().expect("refused").to_string()
    };
    let at = "preprocessor_config.json: ";
    let texts = [
        ("whisper", r#"{"dither": 0.1}"#, "'dither': unusable value: expected 0.0, found 0.1"),
        ("whisper", r#"{"n_fft": 1}"#, "'n_fft': unusable value: expected an integer from 2 to 65536, found 1"),
        (
            "whisper",
            r#"{"chunk_length": 1e9}"#,
            "'chunk_length': unusable value: expected an integer from 1 to 4194, found 1000000000.0",
        ),
        ("wav2vec2", r#"{"feature_size": 80}"#, "'feature_size': unusable value: expected 1, found 80"),
        (
            "wav2vec2",
            r#"{"padding_side": "left"}"#,
            r#"'padding_side': unusable value: expected "right", found "left""#,
        ),
        (
            "clap",
            r#"{"truncation": "left"}"#,
            r#"'truncation': unusable value: expected "fusion", "rand_trunc", found "left""#,
        ),
        (
            "clap",
            r#"{"frequency_min": 50, "frequency_max": 20}"#,
            "'frequency_max': unusable value: expected more than 'frequency_min' (50), found 20",
        ),
        ("clap", r#"{"top_db": 80}"#, "'top_db': unusable value: expected null, found 80"),
    ];
    for (model_type, text, expected) in texts {
        assert_eq!(refuse(model_type, text), format!("{at}{expected}"));
    }
    assert_eq!(refuse("bert", "{}"), "model type 'bert': no audio front end: expected whisper, clap, wav2vec2");
}

/// The samples and settings of a case, heard by a front end on a device.
fn heard(name: &str, device: Device, compute_shaders: bool) -> Tensors {
    let case = Case::read(name);
    let folder = Folder::new("", &cases().join(name).to_string_lossy());
    let config = Config::new(json!({"model_type": case.info["model_type"]}));
    let raw = ["raw_audio", "raw_audio0", "raw_audio1"];
    let clips: Vec<Vec<f32>> = raw.iter().filter_map(|name| Some(case.tensor(name)?.1)).collect();
    let longest = clips.iter().map(Vec::len).max().expect("clips");
    let counts = Tensor::i32(&[clips.len()], clips.iter().map(|clip| clip.len() as i32).collect());
    let padded = |clip: &Vec<f32>| clip.iter().copied().chain(std::iter::repeat(f32::NAN)).take(longest).collect();
    let samples: Vec<Vec<f32>> = clips.iter().map(padded).collect();
    let inputs = Tensors::from([
        ("samples".to_owned(), Tensor::f32(&[clips.len(), longest], samples.concat())),
        ("sample_counts".to_owned(), counts),
    ]);
    let space = Space::new(device);
    pollster::block_on(async {
        let front_end = FrontEnd::open(&config, Some(&folder), compute_shaders, space.device()).await;
        let mut front_end = front_end.expect("settings").expect("an audio model");
        let first = front_end.features(&inputs, &space).await.expect("features");
        assert_eq!(front_end.features(&inputs, &space).await.expect("again"), first);
        first
    })
}

/// On every case the compute shaders make what the CPU makes.
#[test]
fn compute_shaders_hear_what_the_cpu_hears() {
    // Whatever adapter there is, the kernels for the other kind run on it too.
    for software in [false, true] {
        let gpu = pollster::block_on(Gpu::open()).expect("a GPU adapter");
        let capability = Capability { software, ..gpu.capability() };
        let device = Device::Gpu(Rc::new(gpu.pretending(capability)));
        for name in [
            "clap",
            "clap_cut",
            "clap_fused",
            "clap_pieces",
            "wav2vec2",
            "wav2vec2_batch",
            "wav2vec2_masked",
            "whisper",
            "whisper_masked",
        ] {
            let case = Case::read(name);
            let (cpu, gpu) = (heard(name, Device::Cpu, false), heard(name, device.clone(), true));
            assert_eq!(cpu.keys().collect::<Vec<_>>(), gpu.keys().collect::<Vec<_>>());
            for (key, cpu) in &cpu {
                assert_eq!(cpu.shape, gpu[key].shape, "{name} {key}");
                let (Some(a), Some(b)) = (cpu.as_f32(), gpu[key].as_f32()) else {
                    assert_eq!(*cpu, gpu[key]);
                    continue;
                };
                let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                let tolerance = case.info["tolerance_abs"].as_f64().expect("number");
                println!("{name:20} {key:20} {worst:.2e} of {tolerance:.2e}");
                assert!(f64::from(worst) <= tolerance, "{name}: {worst:e}");
            }
        }
    }
}

#[test]
fn compute_shaders_are_refused_where_there_are_none() {
    let open = |config: &Value, compute_shaders| {
        let config = Config::new(config.clone());
        pollster::block_on(FrontEnd::open(&config, None, compute_shaders, &Device::Cpu))
    };
    let refusal = |config: &Value| open(config, true).err().expect("refused").to_string();
    let expected = "expected an audio model on a GPU";
    assert_eq!(refusal(&json!({"model_type": "whisper"})), format!("compute shaders are not for a CPU: {expected}"));
    let deaf = "compute shaders are not for a model without an audio front end";
    assert_eq!(refusal(&json!({"model_type": "bert"})), format!("{deaf}: {expected}"));
    assert!(open(&json!({"model_type": "bert"}), false).expect("fine").is_none());
    assert_eq!(open(&json!({"model_type": "clap"}), false).expect("fine").expect("hears").sampling_rate(), 48000);
}

/// A model with compute shaders computes what it computes without, from samples to logits, and keeps nothing.
#[test]
fn models_hear_on_the_gpu_what_they_hear_on_the_cpu() {
    for family in [Family::Whisper, Family::Clap, Family::Wav2vec2] {
        let mut host = Host::new("");
        let mut outputs = Vec::new();
        for compute_shaders in [false, true] {
            let slot = || "model".to_owned();
            let model = ModelSource::Synthetic { family, size: Size::Tiny, seed: 1 };
            let options = Options { compute_shaders, ..Options::default() };
            let load = Step::Load { slot: slot(), platform: Platform::NativeGpu, model, options, work: Vec::new() };
            let Outcome::Loaded { model, .. } = pollster::block_on(host.perform(load)) else { panic!("{family:?}") };
            let wave =
                |seconds: usize| (0..seconds * 16000).map(|i| (i as f32 * 0.05).sin() * 0.3 + (i % 97) as f32 * 1e-3);
            // A shorter sound leaves nothing behind of a longer one.
            for seconds in [1, 3, 2] {
                let samples = Tensor::f32(&[1, seconds * 16000], wave(seconds).collect());
                let mut inputs = Tensors::from([("samples".to_owned(), samples)]);
                let others = model.inputs.iter().filter(|input| input.name.ends_with("ids"));
                inputs.extend(others.map(|input| (input.name.clone(), input.sample(7))));
                let hear = Step::Hear { slot: slot(), inputs: inputs.clone(), budget_ms: 0.0 };
                let Outcome::Inferred { measures, .. } = pollster::block_on(host.perform(hear)) else { panic!("deaf") };
                assert_eq!(measures[0].metric, "front_end_time");
                let step = if model.generates {
                    let decode = Decode { step_logits: true, ..Decode::greedy(3) };
                    Step::Generate { slot: slot(), inputs, decode, outputs: Vec::new(), reply: true }
                } else {
                    let output =
                        model.outputs.iter().find(|name| name.contains("audio_embeds") || name.contains("hidden"));
                    Step::Infer { slot: slot(), inputs, outputs: output.cloned().into_iter().collect(), reply: true }
                };
                match pollster::block_on(host.perform(step)) {
                    Outcome::Inferred { outputs: got, .. } | Outcome::Generated { outputs: got, .. } => {
                        outputs.push(got);
                    }
                    other => panic!("{family:?}: {other:?}"),
                }
            }
            let Outcome::Unloaded { memory } = pollster::block_on(host.perform(Step::Unload { slot: slot() })) else {
                panic!("still there")
            };
            assert_eq!(memory.total.live, 0, "{family:?}");
        }
        let (on_cpu, on_gpu) = outputs.split_at(outputs.len() / 2);
        for (cpu, gpu) in on_cpu.iter().zip(on_gpu) {
            assert!(!cpu.is_empty());
            for (name, cpu) in cpu {
                let pairs = cpu.as_f32().expect("floats").iter().zip(gpu[name].as_f32().expect("floats"));
                let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                println!("{family:?} {name} {worst:e}");
                assert!(worst < 1e-3, "{family:?} {name}: {worst:e}");
            }
        }
        assert_ne!(outputs[0], outputs[1], "another sound is something else");
    }
}
