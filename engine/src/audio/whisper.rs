//! Log-mel features of Whisper (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022).

use serde_json::json;

use super::{
    clip::{self, Fill, Row},
    cut::Cut,
    filters::Bank,
    logarithm,
    mel::Mel,
    scale::Scale,
    settings::Settings,
};
use crate::{
    error::Result,
    graph::{Graph, Sound, Value},
    protocol::{Tensor, Tensors},
};

/// Everything more than this many decades below the loudest band of a clip counts as silence.
const RANGE: f32 = 8.0;
/// Upper edge of the last band in Hertz, whatever the sampling rate.
const HIGHEST: f64 = 8000.0;

/// Frames whose axes are exchanged together.
const BLOCK: usize = 32;

/// The extractor: clips of any length → features of one length.
#[derive(Clone)]
pub struct Whisper {
    mel: Mel,
    hop: usize,
    sampling_rate: u32,
    samples: usize,
    padding: f32,
    mask: bool,
}

impl Whisper {
    /// Reads `feature_size`, `sampling_rate`, `hop_length`, `chunk_length` (seconds), `n_fft`, `padding_value`
    /// and `return_attention_mask`.
    ///
    /// # Errors
    /// When a value is out of bounds or asks for something that isn't implemented.
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.only("padding_side", &json!("right"))?;
        settings.only("dither", &json!(0.0))?;
        settings.only("do_normalize", &json!(false))?;
        let bands = settings.integer("feature_size", 80, 1, 512)?;
        let sampling_rate = settings.sampling_rate(16000)?;
        let hop = settings.integer("hop_length", 160, 1, 65536)?;
        let length = settings.integer("n_fft", 400, 2, 65536)?;
        let samples = settings.seconds("chunk_length", 30, sampling_rate)?;
        let bank = Bank {
            bands,
            bins: length / 2 + 1,
            sampling_rate,
            lowest: 0.0,
            highest: HIGHEST,
            scale: Scale::Slaney,
            equal_area: true,
        };
        let padding = settings.number("padding_value", 0.0, f64::MIN)? as f32;
        let mask = settings.flag("return_attention_mask", false)?;
        Ok(Self { mel: Mel::new(length, hop, &bank), hop, sampling_rate, samples, padding, mask })
    }

    /// Samples per second of a clip.
    #[must_use]
    pub fn sampling_rate(&self) -> u32 {
        self.sampling_rate
    }

    /// `input_features` [clips, bands, frames] and, where configured, `attention_mask` [clips, frames].
    ///
    /// A clip longer than the chunk is cut, a shorter one filled up.
    ///
    /// # Errors
    /// When a clip is empty or holds something that isn't a number.
    pub fn extract(&self, clips: &[&[f32]]) -> Result<Tensors> {
        let mut features = Vec::new();
        for clip in self.fitted(clips)? {
            features.extend(self.log_mel(&clip.joined())?);
        }
        let shape = [clips.len(), self.mel.bands(), self.frames(self.samples)];
        let mut tensors = self.masks(clips);
        tensors.insert("input_features".to_owned(), Tensor::f32(&shape, features));
        Ok(tensors)
    }

    /// The same clips for [`Self::graph`].
    ///
    /// # Errors
    /// When a clip is empty or holds something that isn't a number.
    pub fn cut<'a>(&self, clips: &[&'a [f32]]) -> Result<Cut<'a>> {
        Ok(Cut { others: self.masks(clips), ..Cut::new(self.fitted(clips)?, self.padding)? })
    }

    /// `input_features` of a cut.
    ///
    /// # Errors
    /// When there would be too many features.
    pub fn graph(&self, graph: &mut Graph, cut: &Cut<'_>) -> Result<Value> {
        let values = cut.values(graph);
        let (frames, bands) = (self.frames(self.samples), self.mel.bands());
        let power = self.mel.log_power(graph, values[0], values[1], frames)?;
        let clips = graph.shape(power)[0];
        let row = graph.reshape(power, &[clips, frames * bands])?;
        let whole = vec![i32::try_from(frames * bands).unwrap_or(i32::MAX); clips];
        let whole = graph.constant(Tensor::i32(&[clips], whole));
        let total = graph.totals(row, whole)?;
        graph.sound(Sound::Decades { range: RANGE }, &[power, total])
    }

    /// Clips brought to the length of a chunk.
    fn fitted<'a>(&self, clips: &[&'a [f32]]) -> Result<Vec<Row<'a>>> {
        clips.iter().try_for_each(|clip| clip::check(clip))?;
        Ok(clips.iter().map(|clip| Row::fitted(clip, self.samples, Fill::Value(self.padding))).collect())
    }

    /// `attention_mask`, where configured.
    fn masks(&self, clips: &[&[f32]]) -> Tensors {
        if !self.mask {
            return Tensors::new();
        }
        let frames = self.samples / self.hop;
        let known = |clip: &&[f32]| {
            let samples = clip.len();
            (0..frames).map(move |frame| i32::from(frame * self.hop < samples))
        };
        let mask = Tensor::i32(&[clips.len(), frames], clips.iter().flat_map(known).collect());
        Tensors::from([("attention_mask".to_owned(), mask)])
    }

    /// Frames of so many samples: the last one is dropped.
    fn frames(&self, samples: usize) -> usize {
        self.mel.count(samples).saturating_sub(1)
    }

    /// Features of a clip as it is, [bands, samples / hop]: log10 of the power, clamped to 8 decades, (x + 4) / 4.
    /// The last frame is dropped.
    ///
    /// # Errors
    /// When there would be too many features.
    pub fn log_mel(&self, clip: &[f32]) -> Result<Vec<f32>> {
        let (bands, frames) = (self.mel.bands(), self.frames(clip.len()));
        let mut power = self.mel.power(clip, frames)?;
        logarithm::floored(&mut power);
        let least = logarithm::largest(&power) - RANGE;
        let mut features = vec![0.0; power.len()];
        // Some frames at a time, so that what is read stays in the nearest cache.
        for (block, rows) in power.chunks(BLOCK * bands).enumerate() {
            for band in 0..bands {
                let begin = band * frames + block * BLOCK;
                let values = rows[band..].iter().step_by(bands);
                for (feature, value) in features[begin..].iter_mut().zip(values) {
                    *feature = (value.max(least) + 4.0) / 4.0;
                }
            }
        }
        Ok(features)
    }
}
