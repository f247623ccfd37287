//! Inputs made from files against Hugging Face's processors and Pillow, and every message about a file that won't do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use matrix_driver::error::Error;
use matrix_driver::input::image::resample::{Filter, resize};
use matrix_driver::input::image::{Processor, Rgb, Size, decode};
use matrix_driver::input::{self, Inputs, ModelFolder, Sources, audio};
use matrix_engine::audio::{Extractor, Settings};
use matrix_engine::protocol::{Tensor, Tensors};
use safetensors::{Dtype, SafeTensors};

/// How far pixel values may be off: Pillow's pixels are met exactly, the rest is f32.
const TOLERANCE: f32 = 1e-5;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/input_cases")
}

/// Where the engine keeps the cases of its audio front ends.
fn audio_cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/audio")
}

/// Tensors of a case, everything as f32.
fn stored(folder: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = std::fs::read(folder.join("case.safetensors")).expect("a case");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let values = |view: &safetensors::tensor::TensorView<'_>| -> Vec<f32> {
        let fours = view.data().chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]);
        match view.dtype() {
            Dtype::U8 => view.data().iter().copied().map(f32::from).collect(),
            Dtype::I32 => fours.map(|four| i32::from_le_bytes(four) as f32).collect(),
            Dtype::F32 => fours.map(f32::from_le_bytes).collect(),
            other => panic!("{other:?}"),
        }
    };
    tensors.tensors().into_iter().map(|(name, view)| (name, (view.shape().to_vec(), values(&view)))).collect()
}

fn rgb((shape, values): &(Vec<usize>, Vec<f32>)) -> Rgb {
    let size = Size { height: shape[0], width: shape[1] };
    Rgb::new(size, values.iter().map(|&value| value as u8).collect()).expect("an image")
}

fn save(image: &Rgb, file: &Path) {
    let Size { height, width } = image.size();
    let buffer = image::RgbImage::from_raw(width as u32, height as u32, image.pixels().to_vec()).expect("fits");
    buffer.save(file).expect("saves");
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    let integers = || tensor.as_i32().expect("integers").iter().map(|&value| value as f32).collect();
    tensor.as_f32().map_or_else(integers, <[f32]>::to_vec)
}

/// Compares one tensor and says how far off the worst value is.
fn compare(case: &str, name: &str, got: &Tensor, (shape, expected): &(Vec<usize>, Vec<f32>), tolerance: f32) {
    assert_eq!(&got.shape, shape, "{case}: {name}");
    let off = floats(got).iter().zip(expected).map(|(got, expected)| (got - expected).abs()).fold(0.0, f32::max);
    println!("{case:20} {name:16} {off:.2e}");
    assert!(off <= tolerance, "{case}: {name} is off by {off:e}");
}

fn compare_all(case: &str, got: &Tensors, expected: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) {
    for (name, expected) in expected.iter().filter(|(name, _)| !name.starts_with("raw_") && *name != "input_ids") {
        compare(case, name, &got[name], expected, TOLERANCE);
    }
}

#[test]
fn pixels_are_those_of_the_library() {
    let mut count = 0;
    for entry in std::fs::read_dir(cases()).expect("cases") {
        let folder = entry.expect("entry").path();
        let Ok(text) = std::fs::read(folder.join("preprocessor_config.json")) else { continue };
        let name = folder.file_name().expect("name").to_string_lossy().into_owned();
        let processor = Processor::new("", &Settings::parse(&text).expect("settings")).expect("supported");
        let expected = stored(&folder);
        let got = if let Some(image) = expected.get("raw_image") {
            processor.image(&rgb(image)).expect("pixels")
        } else {
            let (shape, values) = &expected["raw_video"];
            let frames = values.chunks_exact(shape[1] * shape[2] * 3);
            let frames: Vec<Rgb> = frames.map(|frame| rgb(&(shape[1..].to_vec(), frame.to_vec()))).collect();
            processor.clip(&frames).expect("pixels")
        };
        compare_all(&name, &got, &expected);
        count += 1;
    }
    assert!(count >= 16, "{count} cases");
}

#[test]
fn resizing_is_pillows() {
    let expected = stored(&cases().join("pillow"));
    let image = rgb(&expected["raw_image"]);
    for (name, tensor) in expected.iter().filter(|(name, _)| *name != "raw_image") {
        let filter = match name.split('.').next() {
            Some("bilinear") => Filter::Bilinear,
            Some("bicubic") => Filter::Bicubic,
            _ => Filter::Lanczos,
        };
        let size = Size { height: tensor.0[0], width: tensor.0[1] };
        assert_eq!(resize(&image, size, filter), rgb(tensor), "{name}");
    }
}

#[test]
fn files_hold_what_pillow_reads() {
    for (name, expected) in stored(&cases().join("files")) {
        let (got, expected) = (decode(&cases().join("files").join(&name)).expect(&name), rgb(&expected));
        assert_eq!(got.size(), expected.size(), "{name}");
        let off = got.pixels().iter().zip(expected.pixels()).map(|(got, expected)| got.abs_diff(*expected)).max();
        println!("{name:20} {off:?}");
        // JPEG leaves the rounding of its transform and of colours to the decoder, and how halved colours grow.
        let allowed = if name.ends_with(".png") {
            0
        } else if name == "halved.jpg" {
            12
        } else {
            3
        };
        assert!(off <= Some(allowed), "{name} is off by {off:?}");
    }
}

#[test]
fn sounds_hold_their_samples() {
    let left: Vec<f32> = (0..300_u32).map(|i| ((37 * i % 201) as f32 - 100.0) / 128.0).collect();
    let names = ["u8.wav", "i16.wav", "i24.wav", "i32.wav", "f32.wav", "stereo16.wav", "extensible.wav"];
    for name in names.into_iter().chain(["mono16.flac", "stereo24.flac"]) {
        let sound = audio::decode(&cases().join("sounds").join(name)).expect(name);
        let share = if name.starts_with("stereo") || name == "extensible.wav" { 0.75 } else { 1.0 };
        assert_eq!((sound.rate, sound.samples.len()), (8000, 300), "{name}");
        let off = sound.samples.iter().zip(&left).map(|(got, sample)| (got - sample * share).abs()).fold(0.0, f32::max);
        println!("{name:20} {off:.2e}");
        assert!(off < 1e-6, "{name} is off by {off:e}");
    }
}

/// A WAV file of floats.
fn save_sound(samples: &[f32], rate: u32, file: &Path) {
    let length = 4 * samples.len() as u32;
    let mut bytes = [b"RIFF".as_slice(), &(36 + length).to_le_bytes(), b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
    bytes.extend([3_u16, 1].iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend([rate, rate * 4].iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend([4_u16, 32].iter().flat_map(|field| field.to_le_bytes()));
    bytes.extend([b"data".as_slice(), &length.to_le_bytes()].concat());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(file, bytes).expect("writes");
}

fn inputs_for(folder: &Path, model_type: &str, sources: &Sources) -> Result<Inputs, Error> {
    input::inputs_for(&ModelFolder::open(folder)?, model_type, sources)
}

fn made(folder: &Path, model_type: &str, sources: &Sources) -> Inputs {
    inputs_for(folder, model_type, sources).unwrap_or_else(|error| panic!("{model_type}: {}", error.render(false)))
}

/// What the engine makes of a sound among `inputs`.
fn heard(folder: &Path, model_type: &str, inputs: &Inputs) -> Tensors {
    let folder = ModelFolder::open(folder).expect("a folder");
    let published = || Settings::published(model_type, folder.config().value());
    let settings = folder.settings().expect("settings").unwrap_or_else(published);
    let extractor = Extractor::new(model_type, &settings).expect("supported");
    let samples = floats(&inputs.tensors["samples"]);
    extractor.extract(&[&samples], &mut |places| places / 2).expect("features")
}

#[test]
fn files_become_the_inputs_of_every_family() {
    let work = tempfile::tempdir().expect("a folder");
    let (file, video) = (work.path().join("image.png"), work.path().join("video"));
    for name in ["vit", "resnet", "convnext", "clip", "llava", "llava_1", "llava_next", "llava_next_1"] {
        let folder = cases().join(name);
        let expected = stored(&folder);
        save(&rgb(&expected["raw_image"]), &file);
        let sources = Sources { tokens: 9, image: Some(file.clone()), ..Sources::default() };
        let model_type = name.trim_end_matches("_1");
        let inputs = made(&folder, model_type, &sources);
        compare_all(name, &inputs.tensors, &expected);
        assert!(inputs.notes.is_empty(), "{:?}", inputs.notes);
        if let Some((_, ids)) = expected.get("input_ids") {
            // As many ids stand for the image as in the library's prompt; the others are made up.
            let image = if model_type == "llava" { 127.0 } else { 111.0 };
            let named = |ids: &[f32]| ids.iter().filter(|&&id| id == image).count();
            let got = floats(&inputs.tensors["input_ids"]);
            assert_eq!((named(&got), got.len()), (named(ids), named(ids) + 9), "{name}");
        }
    }
    let folder = cases().join("xclip");
    let expected = stored(&folder);
    std::fs::create_dir(&video).expect("a folder");
    let (shape, values) = &expected["raw_video"];
    for (index, frame) in values.chunks_exact(shape[1] * shape[2] * 3).enumerate() {
        save(&rgb(&(shape[1..].to_vec(), frame.to_vec())), &video.join(format!("frame_{}.png", index + 5)));
    }
    let sources = Sources { tokens: 4, video: Some(video), ..Sources::default() };
    let inputs = made(&folder, "xclip", &sources);
    compare_all("xclip", &inputs.tensors, &expected);
    assert_eq!(inputs.tensors["input_ids"].shape, [1, 4]);
}

#[test]
fn sounds_become_the_inputs_of_every_family() {
    let work = tempfile::tempdir().expect("a folder");
    let file = work.path().join("sound.wav");
    for (name, rate) in [("whisper", 16_000), ("wav2vec2", 16_000), ("clap", 48_000), ("clap_fused", 48_000)] {
        let folder = audio_cases().join(name);
        let expected = stored(&folder);
        save_sound(&expected["raw_audio"].1, rate, &file);
        let sources = Sources { tokens: 5, audio: Some(file.clone()), ..Sources::default() };
        let model_type = name.trim_end_matches("_fused");
        let features = heard(&folder, model_type, &made(&folder, model_type, &sources));
        for (tensor, expected) in expected.iter().filter(|(tensor, _)| *tensor != "raw_audio") {
            compare(name, tensor, &features[tensor], expected, 3e-4);
        }
    }
}

#[test]
fn a_sound_at_another_rate_is_converted_and_says_so() {
    let sources = Sources { audio: Some(cases().join("sounds/i16.wav")), ..Sources::default() };
    let inputs = made(&audio_cases().join("wav2vec2"), "wav2vec2", &sources);
    assert_eq!(inputs.tensors["samples"].shape, [1, 600]);
    assert!(
        inputs.notes[0].ends_with("i16.wav was converted from 8000 to 16000 samples per second"),
        "{:?}",
        inputs.notes
    );
}

#[test]
fn without_settings_the_published_ones_are_used_and_said() {
    let work = tempfile::tempdir().expect("a folder");
    let (image, audio) = (Some(cases().join("files/rgb.png")), Some(cases().join("sounds/i16.wav")));
    let shape = |model_type: &str, config: &str, name: &str| {
        std::fs::write(work.path().join("config.json"), config).expect("writes");
        let mut sources = Sources { tokens: 6, ..Sources::default() };
        match model_type {
            "whisper" | "clap" | "wav2vec2" => sources.audio = audio.clone(),
            "xclip" => sources.video = Some(cases().join("files")),
            _ => sources.image = image.clone(),
        }
        let inputs = made(work.path(), model_type, &sources);
        assert!(inputs.notes.iter().any(|note| note.contains("has no preprocessor_config.json")), "{model_type}");
        let hears = inputs.tensors.contains_key("samples");
        let tensors = if hears { heard(work.path(), model_type, &inputs) } else { inputs.tensors };
        tensors[name].shape.clone()
    };
    assert_eq!(shape("vit", r#"{"image_size": 32}"#, "pixel_values"), [1, 3, 32, 32]);
    assert_eq!(shape("vit", "{}", "pixel_values"), [1, 3, 224, 224]);
    assert_eq!(shape("resnet", "{}", "pixel_values"), [1, 3, 224, 224]);
    assert_eq!(shape("convnext", r#"{"image_size": 384}"#, "pixel_values"), [1, 3, 384, 384]);
    assert_eq!(shape("clip", "{}", "pixel_values"), [1, 3, 224, 224]);
    let llava = r#"{"image_token_index": 7, "vision_config": {"image_size": 28, "patch_size": 14}}"#;
    assert_eq!(shape("llava", llava, "input_ids"), [1, 10]);
    assert_eq!(shape("llava_next", llava, "pixel_values"), [1, 3, 3, 28, 28]);
    assert_eq!(
        shape("xclip", r#"{"vision_config": {"image_size": 16, "num_frames": 3}}"#, "pixel_values"),
        [1, 3, 3, 16, 16]
    );
    assert_eq!(shape("whisper", "{}", "input_features"), [1, 80, 3000]);
    assert_eq!(shape("whisper", r#"{"num_mel_bins": 128}"#, "input_features"), [1, 128, 3000]);
    assert_eq!(shape("clap", "{}", "input_features"), [1, 1, 1001, 64]);
    assert_eq!(shape("clap", r#"{"audio_config": {"enable_fusion": true}}"#, "input_features"), [1, 4, 1001, 64]);
    assert_eq!(shape("wav2vec2", r#"{"feat_extract_norm": "layer"}"#, "attention_mask"), [1, 600]);
}

/// One situation per line: what a user gives, and what they are told.
#[test]
fn what_cannot_be_used_is_said() {
    let work = tempfile::tempdir().expect("a folder");
    let at = |name: &str| work.path().join(name);
    std::fs::write(at("notes.png"), "not an image").expect("writes");
    std::fs::write(at("empty.png"), "").expect("writes");
    std::fs::create_dir(at("frames")).expect("a folder");
    let image = std::fs::read(cases().join("files/rgb.png")).expect("reads");
    std::fs::write(at("cut.png"), &image[..image.len() / 2]).expect("writes");
    std::fs::File::create(at("large.png")).expect("creates").set_len(65 << 20).expect("grows");
    save(&Rgb::filled(Size { height: 1, width: 16_385 }, [0; 3]), &at("wide.png"));
    std::fs::write(at("notes.wav"), "not a sound, but a line of text that is long enough").expect("writes");
    save_sound(&[], 16_000, &at("silent.wav"));
    save_sound(&[0.5; 64], 100, &at("slow.wav"));
    save_sound(&[0.5, f32::NAN], 16_000, &at("broken.wav"));
    std::fs::write(at("preprocessor_config.json"), r#"{"image_processor_type": "SamImageProcessor"}"#).expect("writes");
    let none = Sources { tokens: 4, ..Sources::default() };
    let image = |name: &str| Sources { image: Some(at(name)), ..none.clone() };
    let audio = |name: &str| Sources { audio: Some(at(name)), ..none.clone() };
    let vit = cases().join("vit");
    let wav2vec2 = audio_cases().join("wav2vec2");
    let mut texts = Vec::new();
    let mut tell = |folder: &Path, model_type: &str, sources: &Sources| {
        let error = inputs_for(folder, model_type, sources).expect_err(model_type);
        texts.push(error.render(false));
    };
    tell(&vit, "mamba", &none);
    tell(&vit, "vit", &none);
    tell(&vit, "vit", &Sources { audio: Some(at("notes.wav")), ..image("notes.png") });
    for name in ["missing.png", "frames", "empty.png", "large.png", "notes.png", "cut.png", "wide.png"] {
        tell(&vit, "vit", &image(name));
    }
    tell(&vit, "vit", &Sources { image: Some(cases().join("files/not_read.gif")), ..none.clone() });
    tell(work.path(), "vit", &Sources { image: Some(cases().join("files/rgb.png")), ..none.clone() });
    tell(&cases().join("xclip"), "xclip", &Sources { video: Some(at("frames")), ..none.clone() });
    tell(&cases().join("xclip"), "xclip", &Sources { video: Some(at("missing")), ..none.clone() });
    for name in ["notes.wav", "silent.wav", "slow.wav", "broken.wav"] {
        tell(&wav2vec2, "wav2vec2", &audio(name));
    }
    std::fs::write(at("preprocessor_config.json"), "[]").expect("writes");
    tell(work.path(), "wav2vec2", &Sources { audio: Some(cases().join("sounds/i16.wav")), ..none.clone() });
    std::fs::write(at("config.json"), "{").expect("writes");
    tell(work.path(), "bert", &none);
    std::fs::write(at("config.json"), "{}").expect("writes");
    std::fs::remove_file(at("preprocessor_config.json")).expect("removes");
    tell(work.path(), "llava", &Sources { image: Some(cases().join("files/rgb.png")), ..none.clone() });
    let text = texts.join("\n\n");
    let text =
        text.replace(&format!("{}/", work.path().display()), "").replace(&work.path().display().to_string(), "MODEL");
    let text = text.replace(&format!("{}/", cases().display()), "cases/");
    insta::with_settings!({ snapshot_path => "snapshots", omit_expression => true }, {
        insta::assert_snapshot!("what_cannot_be_used", text);
    });
}
