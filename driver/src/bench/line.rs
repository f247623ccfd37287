//! A time, and what it means.

use matrix_engine::protocol::{Bench, BenchWork};
use serde::Serialize;

use crate::measure::median;

/// The largest error of a kernel against the plain reference: Σ (got − want)² / Σ want².
const MOST_ERROR: f64 = 5e-4;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its name.
    pub case: String,
    /// Median microseconds of one piece of work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub us: Option<f64>,
    /// Microseconds run by run.
    pub samples_us: Vec<f64>,
    /// `gpu` or `wall`.
    pub clock: String,
    /// Billions of bytes of weights, or of keys and values, per second.
    pub gb_per_s: f64,
    /// Of the copy's bytes per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_of_copy: Option<f64>,
    /// Microseconds that the bytes of the weight take at the copy's bandwidth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_us: Option<f64>,
    /// 10¹² multiplications and additions per second.
    pub tflop_per_s: f64,
    /// Against the plain reference.
    pub normalised_error: f64,
    /// The kernels, in order.
    pub kernels: Vec<String>,
    /// Why there is no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Line {
    /// The meaning of a benchmark; `copy` is the bandwidth of a copy in bytes per microsecond.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "bytes stay far below 2^53")]
    pub fn new(case: &str, work: BenchWork, bench: Bench, copy: Option<f64>) -> Self {
        let us = median(&mut bench.samples_us.clone());
        let per_us = us.map(|us| bench.bytes as f64 / us);
        let operations = match work {
            BenchWork::Copy { .. } => 0.0,
            BenchWork::Linear { rows, outputs, inputs, form, .. } => {
                2.0 * f64::from(form.layers()) * f64::from(rows) * f64::from(outputs) * f64::from(inputs)
            }
            // Scores and weighed values; a query of a prompt sees half of the keys.
            BenchWork::Attention(work) => {
                let seen = if work.queries > 1 { 0.5 } else { 1.0 };
                let pairs = f64::from(work.queries) * f64::from(work.keys) * seen;
                4.0 * pairs * f64::from(work.heads) * f64::from(work.width)
            }
        };
        Self {
            case: case.into(),
            us,
            gb_per_s: per_us.unwrap_or(0.0) / 1e3,
            share_of_copy: copy.zip(per_us).map(|(copy, per_us)| per_us / copy),
            predicted_us: copy.map(|copy| bench.bytes as f64 / copy),
            tflop_per_s: us.map_or(0.0, |us| operations / us / 1e6),
            samples_us: bench.samples_us,
            clock: bench.clock,
            normalised_error: bench.normalised_error,
            kernels: bench.kernels,
            reason: None,
        }
    }

    /// A case without a time.
    #[must_use]
    pub fn without(case: &str, reason: String) -> Self {
        Self {
            case: case.into(),
            us: None,
            samples_us: Vec::new(),
            clock: String::new(),
            gb_per_s: 0.0,
            share_of_copy: None,
            predicted_us: None,
            tflop_per_s: 0.0,
            normalised_error: 0.0,
            kernels: Vec::new(),
            reason: Some(reason),
        }
    }

    /// Whether the kernel computed something else.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.us.is_some() && (self.normalised_error.is_nan() || self.normalised_error > MOST_ERROR)
    }

    /// The cells of a row.
    #[must_use]
    pub fn cells(&self) -> [String; 7] {
        let Some(us) = self.us else {
            let reason = self.reason.clone().unwrap_or_default();
            return [
                self.case.clone(),
                reason,
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ];
        };
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let error = if self.is_wrong() {
            format!("{:.1e} WRONG", self.normalised_error)
        } else {
            format!("{:.1e}", self.normalised_error)
        };
        [
            self.case.clone(),
            format!("{us:.1}"),
            self.predicted_us.map_or_else(String::new, |us| format!("{us:.1}")),
            format!("{:.1}", self.gb_per_s),
            self.share_of_copy.map_or_else(String::new, percent),
            if self.tflop_per_s > 0.0 { format!("{:.2}", self.tflop_per_s) } else { String::new() },
            if self.tflop_per_s > 0.0 { error } else { String::new() },
        ]
    }
}

#[cfg(test)]
mod tests {
    use matrix_engine::protocol::{BenchForm, BenchWeights};

    use super::*;

    #[test]
    fn a_time_is_read_beside_the_copy() {
        let form = BenchForm::default();
        let work = BenchWork::Linear { rows: 1, outputs: 1000, inputs: 1000, weights: BenchWeights::F16, form };
        let bench = Bench {
            kernels: vec!["K".into()],
            samples_us: vec![4.0, 5.0, 90.0],
            clock: "gpu".into(),
            bytes: 2_000_000,
            normalised_error: 1e-5,
        };
        let line = Line::new("gemv", work, bench.clone(), Some(800_000.0));
        assert_eq!((line.us, line.predicted_us, line.share_of_copy), (Some(5.0), Some(2.5), Some(0.5)));
        assert_eq!(line.cells(), ["gemv", "5.0", "2.5", "400.0", "50 %", "0.40", "1.0e-5"]);
        assert!(!line.is_wrong());
        assert!(Line::new("gemv", work, Bench { normalised_error: f64::NAN, ..bench }, None).is_wrong());
        assert_eq!(Line::without("gemv", "no GPU".into()).cells()[1], "no GPU");
    }
}
