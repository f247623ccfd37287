//! How much every input of a linear layer matters: the mean of its squares over a calibration set.
//!
//! What a layer's output is off by is the error of a weight times the input that meets it, so scales are chosen for
//! the least Σ E[x²] · error². That few inputs are much larger than the others, and that the weights which meet them
//! decide what quantization costs, is what activation-aware quantization (Lin et al. 2023) is built on; importance
//! matrices (llama.cpp) weigh the same sum.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, json};

use super::Declared;
use crate::{
    error::{Error, Result},
    load::{Dtype, Folder, header},
};

/// The file it is kept in: a vector `[inputs]` of 32-bit floats for every weight, by the weight's name.
pub const FILE: &str = "importance.safetensors";

/// The importance of the inputs of linear layers, by the names of their weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Importance(BTreeMap<String, Arc<[f32]>>);

impl Importance {
    /// Means of squares by names of weights.
    #[must_use]
    pub fn new(means: BTreeMap<String, Vec<f32>>) -> Self {
        Self(means.into_iter().map(|(name, means)| (name, means.into())).collect())
    }

    /// Reads the file of a folder.
    ///
    /// # Errors
    /// When it isn't there, or holds something else.
    pub async fn read(folder: &Folder) -> Result<Self> {
        let missing =
            || Error::model("nothing is known of the model's activations").expected(format!("the file '{FILE}'"));
        let length = folder.length(FILE).await?.ok_or_else(missing)?;
        let mut means = BTreeMap::new();
        for (name, entry) in header::read(folder, FILE, length).await? {
            let bytes = folder.range(FILE, entry.start, entry.length).await?.bytes();
            let values = if entry.known_dtype(&name)? == Dtype::F32 { Dtype::F32.to_f32(&bytes) } else { None };
            let values = values.filter(|values| values.iter().all(|mean| mean.is_finite() && *mean >= 0.0));
            let unusable = || Error::model("no means of squares").of(format!("{FILE}: tensor '{name}'"));
            means.insert(name.clone(), values.ok_or_else(unusable)?.into());
        }
        Ok(Self(means))
    }

    /// Tells weights what is known of their inputs.
    ///
    /// # Errors
    /// When a weight has another number of inputs, or none is known.
    pub fn attach(&self, declared: &mut [Declared]) -> Result<()> {
        let mut known = false;
        for weight in declared {
            let Some(means) = self.0.get(&weight.name) else { continue };
            let inputs = weight.shape.last().copied().unwrap_or_default();
            if weight.shape.len() == 2 && means.len() != inputs {
                return Err(Error::model("the activations are those of another model")
                    .of(format!("{FILE}: tensor '{}'", weight.name))
                    .expected(format!("{inputs} values"))
                    .found(means.len().to_string()));
            }
            weight.importance = Some(means.clone());
            known = true;
        }
        if known { Ok(()) } else { Err(Error::model("the activations are those of another model").of(FILE)) }
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut header = Map::new();
        let mut offset = 0;
        for (name, means) in &self.0 {
            let end = offset + 4 * means.len();
            header.insert(name.clone(), json!({"dtype": "F32", "shape": [means.len()], "data_offsets": [offset, end]}));
            offset = end;
        }
        let mut header = serde_json::Value::from(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.append(&mut header);
        self.0.values().for_each(|means| bytes.extend_from_slice(bytemuck::cast_slice(means)));
        bytes
    }

    /// The means of one weight's inputs.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&[f32]> {
        self.0.get(name).map(AsRef::as_ref)
    }
}
