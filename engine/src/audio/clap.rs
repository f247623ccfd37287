//! Log-mel features of CLAP (Wu et al., "Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
//! Keyword-to-Caption Augmentation", 2022): decibels, [frames, bands], of clips brought to one length.

use serde_json::Value as Json;

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
    error::{Error, Result},
    graph::{Graph, Sound, Value},
    protocol::{Tensor, Tensors},
};

/// Where a long clip is cut is drawn at random: given n, a number below n. Larger answers count as n − 1.
pub type Draw<'a> = &'a mut dyn FnMut(usize) -> usize;

/// Channels of a fused clip.
const CHANNELS: usize = 4;

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
        settings.only("top_db", &Json::Null)?;
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
        let bands = self.mel.bands();
        let mut features = Vec::new();
        let chosen = self.choose(clips, draw)?;
        for (clip, blends) in chosen.clips.iter().zip(chosen.blends()) {
            let all = self.log_mel(&clip.joined())?;
            let row = |row: usize| &all[row * bands..][..bands];
            for ([first, second], share) in blends {
                let pairs = row(*first).iter().zip(row(*second));
                features.extend(pairs.map(|(first, second)| first * (1.0 - share) + second * share));
            }
            if chosen.shares.is_empty() {
                features.extend(all);
            }
        }
        let shape = self.shape(clips.len());
        let mut tensors = chosen.others();
        tensors.insert("input_features".to_owned(), Tensor::f32(&shape, features));
        Ok(tensors)
    }

    /// The same clips for [`Self::graph`].
    ///
    /// # Errors
    /// When a clip is empty or holds something that isn't a number, or there are too many samples.
    pub fn cut<'a>(&self, clips: &[&'a [f32]], draw: Draw<'_>) -> Result<Cut<'a>> {
        let chosen = self.choose(clips, draw)?;
        let others = chosen.others();
        let Chosen { clips, rows, shares, .. } = chosen;
        let cut = Cut { others, ..Cut::new(clips, 0.0)? };
        Ok(if shares.is_empty() { cut } else { cut.blending(&rows, shares) })
    }

    /// `input_features` of a cut.
    ///
    /// # Errors
    /// When there would be too many features.
    pub fn graph(&self, graph: &mut Graph, cut: &Cut<'_>) -> Result<Value> {
        let values = cut.values(graph);
        let &[clips, samples] = graph.shape(values[0]) else { return Err(Error::internal("samples have two axes")) };
        let power = self.mel.log_power(graph, values[0], values[1], self.mel.count(samples))?;
        let mut features = graph.scale(power, 10.0)?;
        if let &[_, _, rows, shares] = values.as_slice() {
            features = graph.sound(Sound::Blend, &[features, rows, shares])?;
        }
        graph.reshape(features, &self.shape(clips))
    }

    fn shape(&self, clips: usize) -> [usize; 4] {
        let channels = if self.truncation == Truncation::Fusion { CHANNELS } else { 1 };
        [clips, channels, self.mel.count(self.samples), self.mel.bands()]
    }

    /// What of each clip becomes features, and which of its frames.
    fn choose<'a>(&self, clips: &[&'a [f32]], draw: Draw<'_>) -> Result<Chosen<'a>> {
        let mut chosen = Chosen::default();
        for clip in clips {
            clip::check(clip)?;
            let spare = clip.len().saturating_sub(self.samples);
            if spare == 0 || self.truncation == Truncation::Random {
                let begin = if spare > 0 { below(spare + 1, draw) } else { 0 };
                chosen.clips.push(Row::fitted(&clip[begin..], self.samples, self.fill));
            } else {
                chosen.clips.push(Row::whole(clip));
            }
            let frames = self.mel.count(self.samples);
            let mut longer = spare > 0;
            if self.truncation == Truncation::Fusion {
                let total = self.mel.count(chosen.clips.last().map_or(0, |row| row.length));
                longer = total > frames;
                chosen.fuse(total, frames, draw);
            }
            chosen.longer.push(i32::from(longer));
        }
        if self.truncation == Truncation::Fusion && !chosen.longer.is_empty() && !chosen.longer.contains(&1) {
            let drawn = below(chosen.longer.len(), draw);
            chosen.longer[drawn] = 1;
        }
        Ok(chosen)
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
}

/// What of some clips becomes features.
#[derive(Default)]
struct Chosen<'a> {
    clips: Vec<Row<'a>>,
    /// 1 where a clip was too long.
    longer: Vec<i32>,
    /// Which frames, or which of two and how much of the second: as many for each clip, or none for all as they are.
    rows: Vec<[usize; 2]>,
    shares: Vec<f32>,
}

impl Chosen<'_> {
    fn others(&self) -> Tensors {
        let longer = Tensor::i32(&[self.longer.len(), 1], self.longer.clone());
        Tensors::from([("is_longer".to_owned(), longer)])
    }

    /// The blended frames of every clip.
    fn blends(&self) -> impl Iterator<Item = impl Iterator<Item = (&[usize; 2], &f32)>> {
        let each = self.shares.len() / self.clips.len().max(1);
        let of = move |clip: usize| clip * each..(clip + 1) * each;
        (0..self.clips.len()).map(move |clip| self.rows[of(clip)].iter().zip(&self.shares[of(clip)]))
    }

    /// Four channels of a clip of `total` frames: all of it shrunk to `frames`, and three pieces; four times the same
    /// when it is not too long.
    fn fuse(&mut self, total: usize, frames: usize, draw: Draw<'_>) {
        if total <= frames {
            let same = (0..CHANNELS).flat_map(|_| 0..frames).map(|row| [row, row]);
            self.rows.extend(same);
            self.shares.resize(self.rows.len(), 0.0);
            return;
        }
        shrink(total, frames, &mut self.rows, &mut self.shares);
        // Three parts of the places where a piece can begin; the first ones get what is left over.
        let places = total - frames + 1;
        let mut first = 0;
        for part in 0..CHANNELS - 1 {
            let size = places / 3 + usize::from(part < places % 3);
            let begin = if size == 0 { 0 } else { first + below(size, draw) };
            self.rows.extend((begin..begin + frames).map(|row| [row, row]));
            first += size;
        }
        self.shares.resize(self.rows.len(), 0.0);
    }
}

/// A number below `n`, which is at least 1.
fn below(n: usize, draw: Draw<'_>) -> usize {
    draw(n).min(n - 1)
}

/// The places of `frames` rows among `total`: linear, pixels centred (PyTorch's `interpolate` with
/// `align_corners=False`).
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "row numbers")]
fn shrink(total: usize, frames: usize, rows: &mut Vec<[usize; 2]>, shares: &mut Vec<f32>) {
    let scale = total as f64 / frames as f64;
    for frame in 0..frames {
        let place = (scale * (frame as f64 + 0.5) - 0.5).max(0.0);
        let above = (place as usize).min(total - 1);
        rows.push([above, (above + 1).min(total - 1)]);
        shares.push((place - above as f64) as f32);
    }
}
