//! Scales of pitch: equal steps sound equally far apart.

/// Which formula relates Hertz to mel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Linear below 1 kHz, logarithmic above (Slaney, "Auditory Toolbox", 1998).
    Slaney,
    /// 2595 log10(1 + f / 700) (O'Shaughnessy, "Speech Communication", 1987), as HTK uses it.
    Htk,
}

/// Slaney: mel per Hertz below the corner.
const LINEAR: f64 = 3.0 / 200.0;
/// Slaney: where the logarithm begins, in Hertz.
const CORNER: f64 = 1000.0;
/// Slaney: the logarithmic part covers a factor of 6.4 in this many mel.
const STEPS: f64 = 27.0;

impl Scale {
    /// Pitch in mel of a frequency in Hertz, at least 0.
    #[must_use]
    pub fn mel(self, hertz: f64) -> f64 {
        match self {
            Self::Slaney if hertz < CORNER => hertz * LINEAR,
            Self::Slaney => CORNER * LINEAR + (hertz / CORNER).ln() * STEPS / 6.4_f64.ln(),
            Self::Htk => 2595.0 * (1.0 + hertz / 700.0).log10(),
        }
    }

    /// Frequency in Hertz of a pitch in mel.
    #[must_use]
    pub fn hertz(self, mel: f64) -> f64 {
        match self {
            Self::Slaney if mel < CORNER * LINEAR => mel / LINEAR,
            Self::Slaney => CORNER * ((mel - CORNER * LINEAR) * 6.4_f64.ln() / STEPS).exp(),
            Self::Htk => 700.0 * (10_f64.powf(mel / 2595.0) - 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_frequency() {
        for scale in [Scale::Slaney, Scale::Htk] {
            for hertz in [0.0, 50.0, 999.9, 1000.0, 7600.0, 24000.0] {
                assert!((scale.hertz(scale.mel(hertz)) - hertz).abs() < 1e-8, "{scale:?} {hertz}");
            }
        }
        assert!((Scale::Slaney.mel(1000.0) - 15.0).abs() < 1e-12);
        assert!((Scale::Htk.mel(1000.0) - 1000.0).abs() < 0.02);
    }
}
