//! How weights come to a device, and which of them stay there.

use serde::{Deserialize, Serialize};

/// Weights in chunks, in the order in which the model uses them, instead of whole files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progressive {
    /// Megabytes of a chunk; by the size of the model where it is `None`.
    pub chunk_mb: Option<u32>,
    /// Megabytes that may be on their way at once; two chunks where it is `None`.
    #[serde(default)]
    pub in_flight_mb: Option<u32>,
    /// Megabytes of everything that is held while weights come, bytes on their way among it: near it fewer are on their
    /// way, down to one chunk. Without it only what page or machine have left counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_mb: Option<u32>,
    /// Whether a range that a browser fetched is held against the digest that the server tells with it (RFC 9530). On a
    /// machine of two cores it costs Chromium an eighth to a third of a load at 200 MB/s, and 1 % of one at 12 MB/s.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// Whether the first pass starts while weights are on their way: a layer as soon as its own have arrived. A load
    /// then ends when everything but the weights is there, with `open_time`; `load_time` comes with the first pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overlap: bool,
}

/// Weights come when they are used and go again, within a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streaming {
    /// Megabytes of everything that is held at once, bytes on their way among it; a third of the weights, and
    /// what the computation itself needs, where it is `None`.
    pub budget_mb: Option<u32>,
}

/// Weights that find no room on the device stay beside it and come when they are used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offload {
    /// Megabytes on the device; half of the weights, and what the computation itself needs, where it is `None`.
    pub budget_mb: Option<u32>,
    /// Globs (`*`, `?`) over names of tensors that never leave the device.
    #[serde(default)]
    pub pin: Vec<String>,
}

/// Components of a model side by side, by workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parallel {
    /// How many workers; four where it is `None`.
    pub workers: Option<u32>,
    /// Whether a browser keeps what was fetched for the next start.
    #[serde(default)]
    pub keep: bool,
}
