//! The window every front end here uses.

use std::f64::consts::TAU;

/// The periodic Hann window of `length` samples: 0.5 − 0.5 cos(2πi / length).
///
/// Periodic, not symmetric: the sample that would close the period is left out, as in
/// F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", 1978.
#[must_use]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
pub fn hann(length: usize) -> Vec<f32> {
    (0..length).map(|i| (0.5 - 0.5 * (TAU * i as f64 / length as f64).cos()) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_periodic() {
        assert_eq!(hann(4), [0.0, 0.5, 1.0, 0.5]);
        assert!(hann(0).is_empty());
    }
}
