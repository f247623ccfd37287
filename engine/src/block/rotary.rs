//! Angles of rotary position embedding (Su et al. 2021) and the ways in which they are stretched over longer
//! texts: linear (Chen et al. 2023), dynamic NTK, YaRN (Peng et al. 2023), Llama 3.
//!
//! Angles are computed in 64 bits and stored as a table of cosines and sines, so that no device's own sine
//! of a large number matters.

use crate::{
    error::Result,
    graph::{Graph, Value},
    load::Config,
    protocol::Tensor,
};

/// The angles of one kind of head.
pub struct Rotary {
    /// Angle of pair i at position 1.
    frequencies: Vec<f64>,
    /// Factor of cosines and sines.
    attention: f64,
    dynamic: Option<Dynamic>,
}

/// A base that grows with the text (dynamic NTK).
struct Dynamic {
    base: f64,
    factor: f64,
    trained: f64,
}

impl Rotary {
    /// Reads `rope_theta` and `rope_scaling`, or `rope_parameters`, for heads of width `head`.
    pub fn new(config: &Config, head: usize) -> Result<Self> {
        if !head.is_multiple_of(2) {
            return Err(Config::wrong("head_dim", "an even number", head));
        }
        let (scaling, theta) = match config.part("rope_parameters")? {
            Some(parameters) => {
                let theta = parameters.float("rope_theta", 10_000.0)?;
                (Some(parameters), theta)
            }
            None => (config.part("rope_scaling")?, config.float("rope_theta", 10_000.0)?),
        };
        if theta <= 1.0 {
            return Err(Config::wrong("rope_theta", "more than 1", theta));
        }
        let mut rotary = Self { frequencies: frequencies(f64::from(theta), head), attention: 1.0, dynamic: None };
        let Some(scaling) = scaling else { return Ok(rotary) };
        let kind = match scaling.word("rope_type", "")? {
            "" => scaling.word("type", "default")?,
            kind => kind,
        };
        let number = |key: &str, default: f32| scaling.float(key, default).map(f64::from);
        let factor = number("factor", 1.0)?;
        if factor <= 0.0 {
            return Err(Config::wrong("rope_scaling.factor", "more than 0", factor));
        }
        let longest = config.size("max_position_embeddings", 2048)?;
        let trained = scaling.size("original_max_position_embeddings", longest)? as f64;
        match kind {
            "default" => {}
            "linear" => rotary.frequencies.iter_mut().for_each(|frequency| *frequency /= factor),
            "dynamic" => rotary.dynamic = Some(Dynamic { base: f64::from(theta), factor, trained: longest as f64 }),
            "llama3" => {
                let (low, high) = (number("low_freq_factor", 1.0)?, number("high_freq_factor", 4.0)?);
                if high <= low {
                    return Err(Config::wrong("rope_scaling.high_freq_factor", &format!("more than {low}"), high));
                }
                rotary.frequencies.iter_mut().for_each(|frequency| {
                    // Turns within the trained length: few are stretched, many are not.
                    let turns = trained * *frequency / std::f64::consts::TAU;
                    let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    *frequency *= (1.0 - smooth) / factor + smooth;
                });
            }
            "yarn" => {
                let dimension = |turns: f64| {
                    let angle = trained / (turns * std::f64::consts::TAU);
                    head as f64 * angle.ln() / (2.0 * f64::from(theta).ln())
                };
                let low = dimension(number("beta_fast", 32.0)?).floor().max(0.0);
                let high = dimension(number("beta_slow", 1.0)?).ceil().min(head as f64 - 1.0);
                let length = if high > low { high - low } else { 0.001 };
                for (index, frequency) in rotary.frequencies.iter_mut().enumerate() {
                    let ramp = ((index as f64 - low) / length).clamp(0.0, 1.0);
                    *frequency *= ramp / factor + (1.0 - ramp);
                }
                let magnitude = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
                let (one, all) = (number("mscale", 0.0)?, number("mscale_all_dim", 0.0)?);
                let default = if one != 0.0 && all != 0.0 { magnitude(one) / magnitude(all) } else { magnitude(1.0) };
                let given = number("attention_factor", 0.0)?;
                rotary.attention = if given == 0.0 { default } else { given };
            }
            other => {
                let known = "'default', 'linear', 'dynamic', 'llama3' or 'yarn'";
                return Err(Config::unsupported("rope_scaling.rope_type", known, format!("'{other}'")));
            }
        }
        Ok(rotary)
    }

    /// Cosines and sines `[rows, head / 2]` of positions 0 … rows - 1. The first `together` of them are
    /// computed in one pass, the others in passes of their own.
    pub fn table(&self, graph: &mut Graph, rows: usize, together: usize) -> [Value; 2] {
        let half = self.frequencies.len();
        let mut table = [Vec::with_capacity(rows * half), Vec::with_capacity(rows * half)];
        for row in 0..rows {
            let stretched = self.dynamic.as_ref().map(|dynamic| dynamic.frequencies(together.max(row + 1), half));
            for frequency in stretched.as_ref().unwrap_or(&self.frequencies) {
                let (sine, cosine) = (row as f64 * frequency).sin_cos();
                #[expect(clippy::cast_possible_truncation, reason = "kernels compute in f32")]
                for (values, value) in table.iter_mut().zip([cosine, sine]) {
                    values.push((value * self.attention) as f32);
                }
            }
        }
        table.map(|values| graph.constant(Tensor::f32(&[rows, half], values)))
    }
}

impl Dynamic {
    fn frequencies(&self, length: usize, half: usize) -> Vec<f64> {
        let length = (length as f64).max(self.trained);
        let width = 2.0 * half as f64;
        let stretch = self.factor * length / self.trained - (self.factor - 1.0);
        frequencies(self.base * stretch.powf(width / (width - 2.0).max(1.0)), 2 * half)
    }
}

fn frequencies(base: f64, head: usize) -> Vec<f64> {
    (0..head / 2).map(|index| base.powf(-2.0 * index as f64 / head as f64)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rotary(scaling: &serde_json::Value) -> Result<Rotary> {
        let config = json!({"rope_theta": 10000.0, "max_position_embeddings": 64, "rope_scaling": scaling});
        Rotary::new(&Config::new(config), 8)
    }

    #[test]
    fn stretched_frequencies_lie_between_the_plain_ones_and_their_share() {
        let plain = rotary(&json!(null)).expect("reads").frequencies;
        assert!(plain.iter().zip([1.0, 0.1, 0.01, 0.001]).all(|(a, b)| (a - b).abs() < 1e-12));
        let scaled = |kind: &str| {
            let scaling = json!({"rope_type": kind, "factor": 4.0, "original_max_position_embeddings": 32});
            rotary(&scaling).expect("reads").frequencies
        };
        assert!(scaled("linear").iter().zip(&plain).all(|(a, b)| (a * 4.0 - b).abs() < 1e-12));
        for kind in ["llama3", "yarn"] {
            let scaled = scaled(kind);
            assert!(scaled.iter().zip(&plain).all(|(a, b)| *a <= *b && *a * 4.0 >= *b - 1e-12), "{kind} {scaled:?}");
            assert!((scaled[0] - plain[0]).abs() < 1e-12 && (scaled[3] * 4.0 - plain[3]).abs() < 1e-12, "{kind}");
        }
    }

    #[test]
    fn an_unknown_way_of_stretching_is_refused() {
        let error = rotary(&json!({"rope_type": "longrope", "factor": 4.0})).err().expect("unknown");
        assert_eq!(
            error.to_string(),
            "config.json: 'rope_scaling.rope_type': unsupported value: expected 'default', 'linear', 'dynamic', \
             'llama3' or 'yarn', found 'longrope'"
        );
    }
}
