//! The short-time Fourier transform of real samples.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

use super::{frames::Frames, window};
use crate::error::{Error, Result};

/// Frames, window and transform of one size; shared by every clip.
#[derive(Clone)]
pub struct Spectrum {
    frames: Frames,
    window: Vec<f32>,
    transform: Arc<dyn RealToComplex<f32>>,
}

/// Memory for one frame, used again for every frame of a clip.
pub struct Scratch {
    frame: Vec<f32>,
    bins: Vec<Complex<f32>>,
    work: Vec<Complex<f32>>,
}

impl Spectrum {
    /// A transform over frames of `length` samples, any length, `hop` apart, each under a periodic Hann window.
    #[must_use]
    pub fn new(length: usize, hop: usize) -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(length);
        Self { frames: Frames { length, hop }, window: window::hann(length), transform }
    }

    /// Number of frequencies: length / 2 + 1.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.frames.length / 2 + 1
    }

    /// Window, cosines and sines of a whole turn, `[3, length]`, and samples from one frame to the next.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
    pub fn table(&self) -> (Vec<f32>, usize) {
        let length = self.frames.length;
        let angle = |i: usize| std::f64::consts::TAU * i as f64 / length as f64;
        let mut table = self.window.clone();
        table.extend((0..length).map(|i| angle(i).cos() as f32));
        table.extend((0..length).map(|i| angle(i).sin() as f32));
        (table, self.frames.hop)
    }

    /// Number of frames of a clip.
    #[must_use]
    pub fn count(&self, samples: usize) -> usize {
        self.frames.count(samples)
    }

    /// Memory for [`Self::complex`] and [`Self::power`].
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        Scratch {
            frame: self.transform.make_input_vec(),
            bins: self.transform.make_output_vec(),
            work: self.transform.make_scratch_vec(),
        }
    }

    /// The complex spectrum of frame `index`, `bins` values.
    ///
    /// # Errors
    /// Only when `scratch` belongs to another transform.
    pub fn complex<'a>(&self, clip: &[f32], index: usize, scratch: &'a mut Scratch) -> Result<&'a mut [Complex<f32>]> {
        self.frames.write(clip, index, &self.window, &mut scratch.frame);
        self.transform
            .process_with_scratch(&mut scratch.frame, &mut scratch.bins, &mut scratch.work)
            .map_err(|error| Error::internal(error.to_string()).of("Fourier transform"))?;
        Ok(&mut scratch.bins)
    }

    /// Writes |spectrum|² of frame `index` to `power`, `bins` values.
    ///
    /// # Errors
    /// Only when `scratch` belongs to another transform.
    pub fn power(&self, clip: &[f32], index: usize, scratch: &mut Scratch, power: &mut [f32]) -> Result<()> {
        let bins = self.complex(clip, index, scratch)?;
        for (power, bin) in power.iter_mut().zip(bins) {
            *power = bin.norm_sqr();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_has_its_power_in_one_bin() {
        let spectrum = Spectrum::new(16, 4);
        let clip: Vec<f32> = (0..64_u8).map(|i| (f32::from(i) * std::f32::consts::TAU / 4.0).cos()).collect();
        let mut power = [0.0; 9];
        spectrum.power(&clip, 8, &mut spectrum.scratch(), &mut power).expect("fits");
        // Hann: half the window's sum in the bin, a quarter in its neighbours.
        assert!((power[4] - 16.0).abs() < 1e-4 && (power[3] - 4.0).abs() < 1e-4, "{power:?}");
        assert!(power[0] + power[1] + power[7] + power[8] < 1e-6, "{power:?}");
    }

    #[test]
    fn any_length_can_be_transformed() {
        for length in [1, 2, 3, 7, 15, 400, 401, 512] {
            let spectrum = Spectrum::new(length, 1);
            let mut power = vec![f32::NAN; spectrum.bins()];
            spectrum.power(&[0.5; 9], 3, &mut spectrum.scratch(), &mut power).expect("fits");
            assert!(power.iter().all(|power| power.is_finite()), "{length}");
        }
    }
}
