//! What a model is loaded for.

use serde::{Deserialize, Serialize};

use super::{Decode, Step, Tensors};

/// A computation that will follow a load. Only shapes and lengths count, and whatever decides them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Inputs by their Hugging Face names.
    pub inputs: Tensors,
    /// Outputs of a forward pass, or of the pass over a prompt.
    pub outputs: Vec<String>,
    /// Ways in which a prompt will be continued; a forward pass where there is none.
    #[serde(default)]
    pub decode: Vec<Decode>,
}

impl Step {
    /// What it computes, if it is a forward pass or continues a prompt.
    #[must_use]
    pub fn work(&self) -> Option<Work> {
        match self.clone() {
            Self::Infer { inputs, outputs, .. } => Some(Work { inputs, outputs, decode: Vec::new() }),
            Self::Generate { inputs, outputs, decode, .. } => Some(Work { inputs, outputs, decode: vec![decode] }),
            _ => None,
        }
    }
}
