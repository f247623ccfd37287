//! A model's folder and what a user gives it → the tensors of one forward pass.

use std::path::Path;

use matrix_engine::audio::{Extractor, Settings, clip};
use matrix_engine::front_end::SAMPLES;
use matrix_engine::protocol::{Tensor, Tensors};

use super::image::{Processor, Size, decode};
use super::image_tokens::ImageTokens;
use super::model_folder::{Config, ModelFolder};
use super::sources::{Medium, Sources};
use super::{audio, defaults, frames, text_inputs};
use crate::error::Error;

/// Frames of a clip where `config.json` has no number.
const FRAMES: usize = 8;
/// Frames of a clip that a configuration may ask for.
const FRAME_LIMIT: usize = 256;
/// Model types whose tokens follow the prompt in one sequence.
const CONTINUING: [&str; 6] = ["gpt2", "llama", "mistral", "qwen2", "llava", "llava_next"];
/// Token ids that are known to exist where `config.json` has no number.
const VOCABULARY: usize = 1000;

/// What goes into a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// By their Hugging Face names.
    pub tensors: Tensors,
    /// What was assumed, for the user to know: settings that were not in the folder, samples that were converted.
    pub notes: Vec<String>,
}

/// What a model type takes, in the order of its name's parts; `None` for one that isn't known.
#[must_use]
pub fn media(model_type: &str) -> Option<&'static [Medium]> {
    Some(match model_type {
        "bert" | "roberta" | "xlm-roberta" | "gpt2" | "llama" | "mistral" | "qwen2" | "t5" => &[Medium::Text],
        "vit" | "resnet" | "convnext" => &[Medium::Image],
        "clip" | "llava" | "llava_next" => &[Medium::Text, Medium::Image],
        "xclip" => &[Medium::Text, Medium::Video],
        "whisper" | "wav2vec2" => &[Medium::Audio],
        "clap" => &[Medium::Text, Medium::Audio],
        _ => return None,
    })
}

/// The inputs of a model of type `model_type`.
///
/// # Errors
/// When a source is missing, can't be used or isn't taken by the model, or the folder's settings aren't supported.
pub fn inputs_for(folder: &ModelFolder, model_type: &str, sources: &Sources) -> Result<Inputs, Error> {
    let media = media(model_type).ok_or_else(|| {
        Error::usage(format!("no inputs can be made for a model of type '{model_type}'")).note(folder.to_string())
    })?;
    sources.check(model_type, media)?;
    let config = folder.config();
    let mut inputs = Inputs { tensors: Tensors::new(), notes: Vec::new() };
    if media.contains(&Medium::Text) {
        inputs.text(folder, model_type, sources)?;
    }
    for medium in media {
        let Some(path) = sources.path(*medium) else { continue };
        let settings = inputs.settings(folder, model_type)?;
        match medium {
            Medium::Text => {}
            Medium::Audio => inputs.sound(folder, model_type, &settings, path)?,
            Medium::Video => {
                let count = config.integer(&["/vision_config/num_frames", "/num_frames"]).unwrap_or(FRAMES);
                let frames = frames::read(path, count.clamp(1, FRAME_LIMIT))?;
                inputs.tensors.extend(processor(folder, model_type, &settings)?.clip(&frames)?);
            }
            Medium::Image => {
                let image = decode(path)?;
                let processor = processor(folder, model_type, &settings)?;
                inputs.tensors.extend(processor.image(&image)?);
                if model_type.starts_with("llava") {
                    inputs.image_tokens(config, &processor, image.size())?;
                }
            }
        }
    }
    inputs.decoder_start(model_type, config);
    Ok(inputs)
}

fn processor(folder: &ModelFolder, model_type: &str, settings: &Settings) -> Result<Processor, Error> {
    Processor::new(model_type, settings).map_err(|error| folder.refused(&error))
}

/// The longest sequence that a model has positions for.
fn longest(model_type: &str, config: &Config) -> u32 {
    let pointers = ["/max_position_embeddings", "/n_positions", "/text_config/max_position_embeddings"];
    let positions = config.integer(&pointers).unwrap_or(usize::MAX);
    // RoBERTa, which is CLAP's text tower too, counts positions from the padding id on.
    let padding = config.integer(&["/pad_token_id", "/text_config/pad_token_id"]).unwrap_or(1) + 1;
    let first = if matches!(model_type, "roberta" | "xlm-roberta" | "clap") { padding } else { 0 };
    u32::try_from(positions.saturating_sub(first)).unwrap_or(u32::MAX)
}

/// The tokens of a prompt that a text model takes, of those asked for: what follows has to fit too. With a note if
/// they are fewer.
#[must_use]
pub fn prompt_length(folder: &ModelFolder, asked: u32, decode: u32) -> (u32, Option<String>) {
    let model_type = folder.model_type();
    let follow = if CONTINUING.contains(&model_type) { decode } else { 0 };
    let tokens = asked.min(longest(model_type, folder.config()).saturating_sub(follow).max(1));
    let note = format!("{folder} takes sequences of at most {tokens} tokens: longer ones are cut");
    (tokens, (tokens < asked).then_some(note))
}

impl Inputs {
    fn text(&mut self, folder: &ModelFolder, model_type: &str, sources: &Sources) -> Result<(), Error> {
        let vocabulary = folder.config().integer(&["/vocab_size", "/text_config/vocab_size"]).unwrap_or(VOCABULARY);
        // Seeded ids stay below the one that stands for an image.
        let image = folder.config().integer(&["/image_token_index", "/image_token_id"]).unwrap_or(vocabulary);
        let vocabulary = u32::try_from(vocabulary.min(image)).unwrap_or(u32::MAX);
        let (tokens, note) = prompt_length(folder, sources.tokens, sources.decode);
        self.notes.extend(note);
        self.tensors = text_inputs(folder.path(), vocabulary, &sources.texts, tokens)?;
        if !matches!(model_type, "bert" | "roberta") {
            self.tensors.remove("token_type_ids");
        }
        if !sources.texts.is_empty() && !self.tensors.contains_key("attention_mask") {
            self.notes.push(format!("{folder} has no tokenizer.json: ids are made from a seed, not from the texts"));
        }
        Ok(())
    }

    /// The folder's settings, or the published ones.
    fn settings(&mut self, folder: &ModelFolder, model_type: &str) -> Result<Settings, Error> {
        if let Some(settings) = folder.settings()? {
            return Ok(settings);
        }
        let settings = defaults::of(model_type, folder.config())?;
        self.notes.push(format!(
            "{folder} has no preprocessor_config.json: the settings of published {model_type} models are used"
        ));
        settings.ok_or_else(|| Error::internal(format!("no settings for '{model_type}'")))
    }

    fn sound(&mut self, folder: &ModelFolder, model_type: &str, settings: &Settings, path: &Path) -> Result<(), Error> {
        let refused = |error| folder.refused(&error);
        let extractor = Extractor::new(model_type, settings).map_err(refused)?;
        let sound = audio::decode(path)?;
        let (from, to) = (sound.rate, extractor.sampling_rate());
        if from != to {
            self.notes.push(format!("{} was converted from {from} to {to} samples per second", path.display()));
        }
        let samples = sound.at(to)?;
        clip::check(&samples).map_err(|error| {
            Error::usage(format!("no features can be made of {}", path.display())).note(error.to_string())
        })?;
        // Features are made by the engine, on the device under test.
        self.tensors.insert(SAMPLES.into(), Tensor::f32(&[1, samples.len()], samples));
        Ok(())
    }

    fn image_tokens(&mut self, config: &Config, processor: &Processor, image: Size) -> Result<(), Error> {
        ImageTokens::new(config, processor, image)?.expand(&mut self.tensors)
    }

    /// Decoders of encoder-decoder models begin with one token.
    fn decoder_start(&mut self, model_type: &str, config: &Config) {
        if matches!(model_type, "t5" | "whisper") {
            let start = config.integer(&["/decoder_start_token_id"]).unwrap_or(0);
            let start = i32::try_from(start).unwrap_or(0);
            self.tensors.insert("decoder_input_ids".into(), Tensor::i32(&[1, 1], vec![start]));
        }
    }
}
