//! Samples → power in mel bands: transform and filters together, frame by frame.

use super::{
    filters::{Bank, Filters},
    spectrum::Spectrum,
};
use crate::{
    error::{Error, Result},
    graph::{Graph, Sound, Value},
    protocol::Tensor,
};

/// Values that one clip may become: 256 MiB.
const LIMIT: usize = 1 << 26;

/// A front end: frames, transform and filters of one size.
#[derive(Clone)]
pub struct Mel {
    spectrum: Spectrum,
    filters: Filters,
}

impl Mel {
    /// A front end over frames of `length` samples, `hop` apart; `bank.bins` must be `length / 2 + 1`.
    #[must_use]
    pub fn new(length: usize, hop: usize, bank: &Bank) -> Self {
        Self { spectrum: Spectrum::new(length, hop), filters: Filters::new(bank) }
    }

    /// Number of bands.
    #[must_use]
    pub fn bands(&self) -> usize {
        self.filters.bands()
    }

    /// Number of frames of a clip.
    #[must_use]
    pub fn count(&self, samples: usize) -> usize {
        self.spectrum.count(samples)
    }

    fn check(&self, frames: usize) -> Result<()> {
        if frames.saturating_mul(self.bands()) <= LIMIT {
            return Ok(());
        }
        let found = format!("{frames} frames of {} bands", self.bands());
        Err(Error::model("too many features").of("audio").expected(format!("at most {LIMIT}")).found(found))
    }

    /// The logarithm of the power of the first `frames` frames of `samples` [clips, N], which are known up to
    /// `lengths` [clips]: [clips, frames, bands].
    ///
    /// # Errors
    /// When there would be too many values.
    pub fn log_power(&self, graph: &mut Graph, samples: Value, lengths: Value, frames: usize) -> Result<Value> {
        self.check(frames.saturating_mul(graph.shape(samples)[0]))?;
        let (table, hop) = self.spectrum.table();
        let (edges, weights) = self.filters.sparse();
        // A bank whose bands are all empty still needs a buffer.
        let weights = if weights.is_empty() { vec![0.0] } else { weights.to_vec() };
        let table = graph.constant(Tensor::f32(&[3, table.len() / 3], table));
        let edges = graph.constant(Tensor::i32(&[self.bands(), 3], edges));
        let weights = graph.constant(Tensor::f32(&[weights.len()], weights));
        graph.sound(Sound::LogMel { hop, frames }, &[samples, lengths, table, edges, weights])
    }

    /// The power of the first `frames` frames of `clip`, [frames, bands].
    ///
    /// # Errors
    /// When there would be too many values.
    pub fn power(&self, clip: &[f32], frames: usize) -> Result<Vec<f32>> {
        self.check(frames)?;
        let mut bands = vec![0.0; frames * self.bands()];
        let mut scratch = self.spectrum.scratch();
        let mut power = vec![0.0; self.spectrum.bins()];
        for (index, bands) in bands.chunks_exact_mut(self.bands()).enumerate() {
            self.spectrum.power(clip, index, &mut scratch, &mut power)?;
            self.filters.apply(&power, bands);
        }
        Ok(bands)
    }
}
