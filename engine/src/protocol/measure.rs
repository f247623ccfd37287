//! Numbers that come back: times, and bytes by category.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One number with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// `load_time`, `infer_time`, `weight_bytes`, …
    pub metric: String,
    /// The number.
    pub value: f64,
    /// `ms`, `bytes`, `count`, …
    pub unit: String,
}

impl Measure {
    /// A time in milliseconds.
    #[must_use]
    pub fn ms(metric: &str, value: f64) -> Self {
        Self { metric: metric.into(), value, unit: "ms".into() }
    }

    /// A number of things.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub fn count(metric: &str, value: usize) -> Self {
        Self { metric: metric.into(), value: value as f64, unit: "count".into() }
    }

    /// A number of bytes.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "byte counts stay far below 2^53")]
    pub fn bytes(metric: &str, value: u64) -> Self {
        Self { metric: metric.into(), value: value as f64, unit: "bytes".into() }
    }
}

/// Live and peak bytes, per category and together. The peak of a sum is its own number: categories peak at
/// different moments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// By category: `weights`, `activations`, `staging`, …
    pub categories: BTreeMap<String, Usage>,
    /// Everything on the device.
    pub total: Usage,
    /// The device, and beside it what is fetched and not there yet (`in_flight`) and what is kept for it
    /// (`offloaded`).
    #[serde(default)]
    pub whole: Usage,
}

/// Bytes now and at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes held now.
    pub live: u64,
    /// The most that was held since the peak was last reset.
    pub peak: u64,
}

/// How the bytes of a slot went since it was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The categories that ever held any, in the order of every moment's bytes.
    pub categories: Vec<String>,
    /// Moments at which bytes changed, thinned out where there were too many; the highest is always there.
    pub moments: Vec<Moment>,
    /// The weights, of which the largest part usually is.
    #[serde(default)]
    pub weights: Vec<StoredWeight>,
}

/// A weight as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWeight {
    /// Its name in the files.
    pub name: String,
    /// The part of the model that it belongs to: `vision`, `text`, …
    pub component: String,
    /// `f32`, `f16`, `int4`, …
    pub format: String,
    /// Bytes, scales and zero points among them.
    pub bytes: u64,
}

/// Bytes at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Milliseconds since the slot was made.
    pub ms: f64,
    /// Bytes of each category.
    pub bytes: Vec<u64>,
}
