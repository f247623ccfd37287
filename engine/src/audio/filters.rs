//! Triangular filters that gather a power spectrum into mel bands.

use super::scale::Scale;

/// What decides a bank of filters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bank {
    /// Number of bands.
    pub bands: usize,
    /// Number of frequencies of the spectrum, evenly from 0 to half of `sampling_rate`.
    pub bins: usize,
    /// Samples per second.
    pub sampling_rate: u32,
    /// Lower edge of the first band in Hertz.
    pub lowest: f64,
    /// Upper edge of the last band in Hertz.
    pub highest: f64,
    /// Along which the bands are spaced evenly.
    pub scale: Scale,
    /// Whether each band is divided by half its width, so that all have the same area (Slaney).
    pub equal_area: bool,
}

/// A bank of filters, each kept where it isn't zero.
#[derive(Clone, Debug)]
pub struct Filters {
    /// Per band: its first bin, and where its weights begin and end.
    bands: Vec<Band>,
    weights: Vec<f32>,
}

#[derive(Clone, Copy, Debug)]
struct Band {
    bin: usize,
    begin: usize,
    end: usize,
}

impl Filters {
    /// Computes the bank in f64. A band narrower than the distance of two frequencies can be all zero.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
    pub fn new(bank: &Bank) -> Self {
        // The library halves in integers.
        let nyquist = f64::from(bank.sampling_rate / 2);
        let frequency = |bin: usize| nyquist * bin as f64 / (bank.bins.max(2) - 1) as f64;
        let (low, high) = (bank.scale.mel(bank.lowest), bank.scale.mel(bank.highest));
        let edge = |i: usize| bank.scale.hertz(low + (high - low) * i as f64 / (bank.bands + 1) as f64);
        let mut filters = Self { bands: Vec::with_capacity(bank.bands), weights: Vec::new() };
        for band in 0..bank.bands {
            let (left, centre, right) = (edge(band), edge(band + 1), edge(band + 2));
            let height = if bank.equal_area { 2.0 / (right - left) } else { 1.0 };
            let weight = |bin: usize| {
                let rise = (frequency(bin) - left) / (centre - left);
                let fall = (right - frequency(bin)) / (right - centre);
                rise.min(fall).max(0.0) * height
            };
            let bin = (0..bank.bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
            let begin = filters.weights.len();
            filters.weights.extend((bin..bank.bins).map(weight).take_while(|&weight| weight > 0.0).map(|w| w as f32));
            filters.bands.push(Band { bin, begin, end: filters.weights.len() });
        }
        filters
    }

    /// Number of bands.
    #[must_use]
    pub fn bands(&self) -> usize {
        self.bands.len()
    }

    /// The power in each band: `power` holds the bins of one frame, `out` the bands.
    pub fn apply(&self, power: &[f32], out: &mut [f32]) {
        for (band, out) in self.bands.iter().zip(out) {
            let weights = &self.weights[band.begin..band.end];
            *out = dot(weights, &power[band.bin..][..weights.len()]);
        }
    }

    /// Per band its first bin, and where its weights begin and end, `[bands, 3]`; all weights.
    #[must_use]
    pub fn sparse(&self) -> (Vec<i32>, &[f32]) {
        let place = |place: usize| i32::try_from(place).unwrap_or(i32::MAX);
        let edges = self.bands.iter().flat_map(|band| [band.bin, band.begin, band.end].map(place));
        (edges.collect(), &self.weights)
    }

    /// The bank as a dense matrix [bins, bands], row-major: for devices that multiply matrices, and for tests.
    #[must_use]
    pub fn dense(&self, bins: usize) -> Vec<f32> {
        let mut matrix = vec![0.0; bins * self.bands()];
        for (index, band) in self.bands.iter().enumerate() {
            for (bin, weight) in (band.bin..bins).zip(&self.weights[band.begin..band.end]) {
                matrix[bin * self.bands() + index] = *weight;
            }
        }
        matrix
    }
}

/// Σ a · b in four sums beside each other, which is SIMD.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0.0_f32; 4];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_agree() {
        let bank = Bank {
            bands: 40,
            bins: 129,
            sampling_rate: 16000,
            lowest: 20.0,
            highest: 7600.0,
            scale: Scale::Htk,
            equal_area: false,
        };
        let filters = Filters::new(&bank);
        let power: Vec<f32> = (0..129_u8).map(|i| f32::from(i % 7)).collect();
        let mut out = vec![0.0; 40];
        filters.apply(&power, &mut out);
        let dense = filters.dense(129);
        for (band, out) in out.iter().enumerate() {
            let expected: f32 = power.iter().enumerate().map(|(bin, power)| power * dense[bin * 40 + band]).sum();
            assert!((out - expected).abs() < 1e-5, "band {band}");
        }
    }
}
