//! How a device and a model describe themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The device that computes, as it describes itself. Strings come from a browser: untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `gpu` or `cpu`.
    pub kind: String,
    /// GPU vendor, or empty.
    pub vendor: String,
    /// GPU architecture, or empty.
    pub architecture: String,
    /// Free text of the adapter.
    pub description: String,
    /// True for an adapter that runs on the CPU (SwiftShader, lavapipe, WARP).
    pub software: bool,
    /// WebGPU features, or CPU abilities (`simd128`), sorted.
    pub features: Vec<String>,
    /// Limits the engine depends on.
    pub limits: BTreeMap<String, u64>,
}

/// What a slot holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Architecture class, e.g. `BertModel`.
    pub architecture: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Number of token ids; 0 where the model takes none.
    pub vocabulary: u32,
    /// Bytes of all weights as they are stored on the device.
    pub weight_bytes: u64,
    /// Bytes that were fetched.
    pub fetched_bytes: u64,
    /// Outputs that can be asked for.
    pub outputs: Vec<String>,
    /// Whether it continues text.
    #[serde(default)]
    pub generates: bool,
    /// Inputs, in usual sizes.
    #[serde(default)]
    pub inputs: Vec<InputInfo>,
    /// What the user should know about how it was loaded.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What was asked for and could not be had here, and what was done instead.
    #[serde(default)]
    pub fallbacks: Vec<String>,
}

/// An input as a model usually gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputInfo {
    /// Its Hugging Face name.
    pub name: String,
    /// A usual shape, with a batch of 1.
    pub shape: Vec<usize>,
    /// What it holds.
    pub kind: InputKind,
    /// Integers are below this; 0 for floats.
    pub bound: u32,
}

impl InputInfo {
    /// An input with this shape.
    #[must_use]
    pub fn new(name: &str, shape: &[usize], kind: InputKind, bound: usize) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), kind, bound: u32::try_from(bound).unwrap_or(u32::MAX) }
    }
}

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Normalised colours of images or frames.
    Pixels,
    /// Features of a sound, such as a log-mel spectrogram.
    Features,
    /// A normalised wave.
    Samples,
    /// Token ids.
    Ids,
    /// 1 where there is something, 0 where there is padding.
    Mask,
}
