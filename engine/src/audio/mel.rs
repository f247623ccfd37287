//! Samples → power in mel bands: transform and filters together, frame by frame.

use super::{
    filters::{Bank, Filters},
    spectrum::Spectrum,
};
use crate::error::{Error, Result};

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

    /// The power of the first `frames` frames of `clip`, [frames, bands].
    ///
    /// # Errors
    /// When there would be too many values.
    pub fn power(&self, clip: &[f32], frames: usize) -> Result<Vec<f32>> {
        if frames.saturating_mul(self.bands()) > LIMIT {
            let found = format!("{frames} frames of {} bands", self.bands());
            return Err(Error::model("too many features")
                .of("audio")
                .expected(format!("at most {LIMIT}"))
                .found(found));
        }
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
