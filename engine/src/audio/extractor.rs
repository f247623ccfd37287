//! The extractor that a `preprocessor_config.json` asks for.

use super::{Clap, Cut, Settings, Wav2Vec2, Whisper, clap::Draw};
use crate::{
    error::{Error, Result},
    graph::{Graph, Value},
    protocol::Tensors,
};

/// One of the families' extractors.
#[derive(Clone)]
pub enum Extractor {
    /// Log-mel of a chunk.
    Whisper(Whisper),
    /// Decibels in mel bands, of one piece or of four.
    Clap(Clap),
    /// Samples at zero mean and unit variance.
    Wav2Vec2(Wav2Vec2),
}

impl Extractor {
    /// Model types that have an extractor.
    pub const MODEL_TYPES: [&str; 3] = ["whisper", "clap", "wav2vec2"];

    /// The extractor of a model type (`model_type` of a `config.json`) with its settings.
    ///
    /// # Errors
    /// When the model type takes no audio, or a setting isn't supported.
    pub fn new(model_type: &str, settings: &Settings) -> Result<Self> {
        match model_type {
            "whisper" => Whisper::new(settings).map(Self::Whisper),
            "clap" => Clap::new(settings).map(Self::Clap),
            "wav2vec2" => Wav2Vec2::new(settings).map(Self::Wav2Vec2),
            other => Err(Error::unsupported("no audio front end")
                .of(format!("model type '{other}'"))
                .expected(Self::MODEL_TYPES.join(", "))),
        }
    }

    /// Samples per second of a clip.
    #[must_use]
    pub fn sampling_rate(&self) -> u32 {
        match self {
            Self::Whisper(extractor) => extractor.sampling_rate(),
            Self::Clap(extractor) => extractor.sampling_rate(),
            Self::Wav2Vec2(extractor) => extractor.sampling_rate(),
        }
    }

    /// The name of the tensor that is made of samples.
    #[must_use]
    pub fn features(&self) -> &'static str {
        match self {
            Self::Whisper(_) | Self::Clap(_) => "input_features",
            Self::Wav2Vec2(_) => "input_values",
        }
    }

    /// Clips for [`Self::graph`].
    ///
    /// # Errors
    /// As [`Self::extract`].
    pub fn cut<'a>(&self, clips: &[&'a [f32]], draw: Draw<'_>) -> Result<Cut<'a>> {
        match self {
            Self::Whisper(extractor) => extractor.cut(clips),
            Self::Clap(extractor) => extractor.cut(clips, draw),
            Self::Wav2Vec2(extractor) => extractor.cut(clips),
        }
    }

    /// What [`Self::extract`] makes of the same clips, as a graph for a GPU.
    ///
    /// # Errors
    /// When there would be too many features.
    pub fn graph(&self, graph: &mut Graph, cut: &Cut<'_>) -> Result<Value> {
        match self {
            Self::Whisper(extractor) => extractor.graph(graph, cut),
            Self::Clap(extractor) => extractor.graph(graph, cut),
            Self::Wav2Vec2(extractor) => extractor.graph(graph, cut),
        }
    }

    /// The input tensors of mono clips at [`Self::sampling_rate`], by their Hugging Face names. `draw` decides
    /// where CLAP cuts long clips.
    ///
    /// # Errors
    /// When a clip is empty or holds something that isn't a number, or there would be too many features.
    pub fn extract(&self, clips: &[&[f32]], draw: Draw<'_>) -> Result<Tensors> {
        match self {
            Self::Whisper(extractor) => extractor.extract(clips),
            Self::Clap(extractor) => extractor.extract(clips, draw),
            Self::Wav2Vec2(extractor) => extractor.extract(clips),
        }
    }
}
