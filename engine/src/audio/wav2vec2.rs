//! The input of Wav2Vec2 and its kin: the samples themselves, at zero mean and unit variance.

use serde_json::json;

use super::{
    clip::{self, Row},
    cut::{self, Cut},
    settings::Settings,
};
use crate::{
    error::Result,
    graph::{Graph, Sound, Value},
    protocol::{Tensor, Tensors},
};

/// Keeps silence from being divided by zero.
const EPSILON: f64 = 1e-7;

/// The extractor: clips of any length → rows of the longest one's length.
#[derive(Clone, Debug)]
pub struct Wav2Vec2 {
    sampling_rate: u32,
    padding: f32,
    normalize: bool,
    mask: bool,
}

impl Wav2Vec2 {
    /// Reads `sampling_rate`, `padding_value`, `do_normalize` and `return_attention_mask`.
    ///
    /// # Errors
    /// When a value is out of bounds or asks for something that isn't implemented.
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.only("feature_size", &json!(1))?;
        settings.only("padding_side", &json!("right"))?;
        Ok(Self {
            sampling_rate: settings.sampling_rate(16000)?,
            padding: settings.number("padding_value", 0.0, f64::MIN)? as f32,
            normalize: settings.flag("do_normalize", true)?,
            mask: settings.flag("return_attention_mask", false)?,
        })
    }

    /// Samples per second of a clip.
    #[must_use]
    pub fn sampling_rate(&self) -> u32 {
        self.sampling_rate
    }

    /// `input_values` [clips, samples] and, where configured, `attention_mask` of the same shape.
    ///
    /// With a mask, mean and variance are those of the clip. Without one the model can't tell padding from
    /// samples, and neither does the library: they are those of the whole padded row.
    ///
    /// # Errors
    /// When a clip is empty or holds something that isn't a number, or the batch is too large.
    pub fn extract(&self, clips: &[&[f32]]) -> Result<Tensors> {
        clips.iter().try_for_each(|clip| clip::check(clip))?;
        let longest = cut::longest(clips.iter().map(|clip| clip.len()))?;
        let mut values = Vec::with_capacity(clips.len() * longest);
        for clip in clips {
            let begin = values.len();
            values.extend_from_slice(clip);
            if self.mask {
                self.standardise(&mut values[begin..]);
            }
            values.resize(begin + longest, self.padding);
            if !self.mask {
                self.standardise(&mut values[begin..]);
            }
        }
        let mut tensors = self.masks(clips, longest);
        tensors.insert("input_values".to_owned(), Tensor::f32(&[clips.len(), longest], values));
        Ok(tensors)
    }

    /// The same clips for [`Self::graph`].
    ///
    /// # Errors
    /// When a clip is empty or holds something that isn't a number, or the batch is too large.
    pub fn cut<'a>(&self, clips: &[&'a [f32]]) -> Result<Cut<'a>> {
        clips.iter().try_for_each(|clip| clip::check(clip))?;
        let longest = cut::longest(clips.iter().map(|clip| clip.len()))?;
        let rows = clips.iter().map(|clip| Row::whole(clip)).collect();
        let cut = Cut { others: self.masks(clips, longest), ..Cut::new(rows, self.padding)? };
        Ok(if self.mask { cut } else { cut.known_throughout() })
    }

    /// `attention_mask` of clips in rows of `longest` samples, where configured.
    fn masks(&self, clips: &[&[f32]], longest: usize) -> Tensors {
        if !self.mask {
            return Tensors::new();
        }
        let known = |clip: &&[f32]| {
            let samples = clip.len();
            (0..longest).map(move |index| i32::from(index < samples))
        };
        let mask = Tensor::i32(&[clips.len(), longest], clips.iter().flat_map(known).collect());
        Tensors::from([("attention_mask".to_owned(), mask)])
    }

    /// `input_values` of a cut.
    ///
    /// # Errors
    /// Only on a defect.
    #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
    pub fn graph(&self, graph: &mut Graph, cut: &Cut<'_>) -> Result<Value> {
        let values = cut.values(graph);
        if !self.normalize {
            // What goes out is never where something comes in.
            return graph.scale(values[0], 1.0);
        }
        let total = graph.totals(values[0], values[1])?;
        let standardise = Sound::Standardise { epsilon: EPSILON as f32, padding: self.padding };
        graph.sound(standardise, &[values[0], values[1], total])
    }

    /// (x − mean) / √(variance + ε), with the variance of the whole population.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "sums in f64, samples in f32")]
    fn standardise(&self, samples: &mut [f32]) {
        if !self.normalize || samples.is_empty() {
            return;
        }
        let count = samples.len() as f64;
        let mean = samples.iter().copied().map(f64::from).sum::<f64>() / count;
        let variance = samples.iter().map(|&sample| (f64::from(sample) - mean).powi(2)).sum::<f64>() / count;
        let (mean, scale) = (mean as f32, (1.0 / (variance + EPSILON).sqrt()) as f32);
        for sample in samples {
            *sample = (*sample - mean) * scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extractor(config: &str) -> Wav2Vec2 {
        Wav2Vec2::new(&Settings::parse(config.as_bytes()).expect("an object")).expect("supported")
    }

    #[test]
    fn with_a_mask_padding_is_no_sample() {
        let extractor = extractor(r#"{"return_attention_mask": true, "padding_value": 9.0}"#);
        let tensors = extractor.extract(&[&[1.0, 3.0], &[1.0, 2.0, 3.0, 4.0]]).expect("two clips");
        let values = tensors["input_values"].as_f32().expect("floats");
        assert!((values[0] + 1.0).abs() < 1e-6 && (values[1] - 1.0).abs() < 1e-6, "{values:?}");
        assert_eq!(values[2..4], [9.0, 9.0]);
        assert_eq!(tensors["attention_mask"].as_i32().expect("integers"), [1, 1, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn silence_stays_silent() {
        let tensors = extractor("{}").extract(&[&[0.25; 5]]).expect("one clip");
        assert_eq!(tensors["input_values"].as_f32().expect("floats"), [0.0; 5]);
        assert!(!tensors.contains_key("attention_mask"));
    }

    #[test]
    fn samples_are_left_alone_when_asked() {
        let tensors = extractor(r#"{"do_normalize": false}"#).extract(&[&[0.25, 0.5]]).expect("one clip");
        assert_eq!(tensors["input_values"].as_f32().expect("floats"), [0.25, 0.5]);
    }
}
