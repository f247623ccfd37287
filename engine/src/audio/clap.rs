//! Log-mel features of CLAP (Wu et al., "Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
//! Keyword-to-Caption Augmentation", 2022): decibels, [frames, bands], of clips brought to one length.

use serde_json::Value;

use super::{
    clip::{self, Fill},
    filters::Bank,
    logarithm,
    mel::Mel,
    scale::Scale,
    settings::Settings,
};
use crate::{
    error::Result,
    protocol::{Tensor, Tensors},
};

/// Where a long clip is cut is drawn at random: given n, a number below n. Larger answers count as n − 1.
pub type Draw<'a> = &'a mut dyn FnMut(usize) -> usize;

/// What becomes of a clip that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truncation {
    /// A piece of it, drawn at random.
    Random,
    /// Four channels: all of it, shrunk in time, and a piece from the front, the middle and the back.
    Fusion,
}

/// The extractor: clips of any length → features of one length.
#[derive(Clone)]
pub struct Clap {
    mel: Mel,
    sampling_rate: u32,
    samples: usize,
    truncation: Truncation,
    fill: Fill,
}

impl Clap {
    /// Reads `feature_size`, `sampling_rate`, `hop_length`, `max_length_s` (seconds), `fft_window_size`,
    /// `frequency_min`, `frequency_max`, `truncation` and `padding`.
    ///
    /// With `fusion` the filters are HTK-spaced and as high as they are, otherwise Slaney's.
    ///
    /// # Errors
    /// When a value is out of bounds or asks for something that isn't implemented.
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.only("top_db", &Value::Null)?;
        let bands = settings.integer("feature_size", 64, 1, 512)?;
        let sampling_rate = settings.sampling_rate(48000)?;
        let hop = settings.integer("hop_length", 480, 1, 65536)?;
        let length = settings.integer("fft_window_size", 1024, 2, 65536)?;
        let samples = settings.seconds("max_length_s", 10, sampling_rate)?;
        let truncations = [("fusion", Truncation::Fusion), ("rand_trunc", Truncation::Random)];
        let truncation = settings.choice("truncation", "fusion", &truncations)?;
        let fills = [("repeatpad", Fill::RepeatThenZeros), ("repeat", Fill::Repeat), ("pad", Fill::Value(0.0))];
        let fill = settings.choice("padding", "repeatpad", &fills)?;
        let lowest = settings.number("frequency_min", 0.0, 0.0)?;
        let highest = settings.number("frequency_max", 14000.0, 0.0)?;
        if highest <= lowest {
            return Err(Settings::wrong("frequency_max", format!("more than 'frequency_min' ({lowest})"), highest));
        }
        let fusion = truncation == Truncation::Fusion;
        let scale = if fusion { Scale::Htk } else { Scale::Slaney };
        let bank = Bank { bands, bins: length / 2 + 1, sampling_rate, lowest, highest, scale, equal_area: !fusion };
        Ok(Self { mel: Mel::new(length, hop, &bank), sampling_rate, samples, truncation, fill })
    }

    /// Samples per second of a clip.
    #[must_use]
    pub fn sampling_rate(&self) -> u32 {
        self.sampling_rate
    }

    /// `input_features` [clips, channels, frames, bands], with 4 channels for fusion and 1 otherwise, and
    /// `is_longer` [clips, 1]: 1 where a clip was too long.
    ///
    /// The library marks one drawn clip as longer when fusion finds none that is; so does this.
    ///
    /// # Errors
    /// When a clip is empty or holds something that isn't a number, or there would be too many features.
    pub fn extract(&self, clips: &[&[f32]], draw: Draw<'_>) -> Result<Tensors> {
        let (mut features, mut longer) = (Vec::new(), Vec::new());
        for clip in clips {
            clip::check(clip)?;
            let too_long = clip.len() > self.samples;
            longer.push(i32::from(match self.truncation {
                Truncation::Random => self.piece(clip, draw, &mut features).map(|()| too_long)?,
                Truncation::Fusion => self.fused(clip, draw, &mut features)?,
            }));
        }
        if self.truncation == Truncation::Fusion && !longer.is_empty() && !longer.contains(&1) {
            let drawn = below(longer.len(), draw);
            longer[drawn] = 1;
        }
        let channels = if self.truncation == Truncation::Fusion { 4 } else { 1 };
        let shape = [clips.len(), channels, self.mel.count(self.samples), self.mel.bands()];
        let longer = Tensor::i32(&[clips.len(), 1], longer);
        let features = Tensor::f32(&shape, features);
        Ok([("input_features".to_owned(), features), ("is_longer".to_owned(), longer)].into())
    }

    /// Features of a clip as it is, in decibels, [1 + samples / hop, bands].
    ///
    /// # Errors
    /// When there would be too many features.
    pub fn log_mel(&self, clip: &[f32]) -> Result<Vec<f32>> {
        let mut power = self.mel.power(clip, self.mel.count(clip.len()))?;
        logarithm::floored(&mut power);
        power.iter_mut().for_each(|value| *value *= 10.0);
        Ok(power)
    }

    /// One channel of a clip that is cut or filled up.
    fn piece(&self, clip: &[f32], draw: Draw<'_>, features: &mut Vec<f32>) -> Result<()> {
        let begin = match clip.len().checked_sub(self.samples) {
            Some(spare) if spare > 0 => below(spare + 1, draw),
            _ => 0,
        };
        features.extend(self.log_mel(&clip::fitted(&clip[begin..], self.samples, self.fill))?);
        Ok(())
    }

    /// Four channels of a clip, and whether they differ.
    fn fused(&self, clip: &[f32], draw: Draw<'_>, features: &mut Vec<f32>) -> Result<bool> {
        let bands = self.mel.bands();
        let frames = self.mel.count(self.samples);
        let all = if clip.len() > self.samples {
            self.log_mel(clip)?
        } else {
            self.log_mel(&clip::fitted(clip, self.samples, self.fill))?
        };
        let total = all.len() / bands;
        if total <= frames {
            (0..4).for_each(|_| features.extend_from_slice(&all));
            return Ok(false);
        }
        shrink(&all, bands, frames, features);
        // Three parts of the places where a piece can begin; the first ones get what is left over.
        let places = total - frames + 1;
        let mut first = 0;
        for part in 0..3 {
            let size = places / 3 + usize::from(part < places % 3);
            let begin = if size == 0 { 0 } else { first + below(size, draw) };
            features.extend_from_slice(&all[begin * bands..(begin + frames) * bands]);
            first += size;
        }
        Ok(true)
    }
}

/// A number below `n`, which is at least 1.
fn below(n: usize, draw: Draw<'_>) -> usize {
    draw(n).min(n - 1)
}

/// Appends the rows of `from` [rows, bands] interpolated to `frames` rows: linear, pixels centred
/// (PyTorch's `interpolate` with `align_corners=False`).
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "row numbers")]
fn shrink(from: &[f32], bands: usize, frames: usize, out: &mut Vec<f32>) {
    let rows = from.len() / bands;
    let scale = rows as f64 / frames as f64;
    for frame in 0..frames {
        let place = (scale * (frame as f64 + 0.5) - 0.5).max(0.0);
        let above = (place as usize).min(rows - 1);
        let under = (above + 1).min(rows - 1);
        let part = (place - above as f64) as f32;
        let pairs = from[above * bands..].iter().zip(&from[under * bands..]).take(bands);
        out.extend(pairs.map(|(above, under)| above * (1.0 - part) + under * part));
    }
}
