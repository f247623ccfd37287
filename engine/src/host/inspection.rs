//! A model before it is loaded.

use super::Host;
use crate::{
    error::Result,
    model,
    protocol::{Integer, ModelSource, Options},
    weights::{Declared, Format},
};

/// What is known of a model before it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Architecture class.
    pub architecture: &'static str,
    /// Number of weights.
    pub tensors: usize,
    /// Number of values in them.
    pub parameters: u64,
    /// Bytes on a device in f32.
    pub f32_bytes: u64,
    /// Bytes on a device with the default 4-bit weights.
    pub int4_bytes: u64,
}

impl Host {
    /// What a model is and would take. Opens its files and checks names, shapes and dtypes; loads nothing.
    pub async fn inspect(&self, model: ModelSource) -> Result<Inspection> {
        let (config, origin) = self.open(model, &Options::default()).await?;
        let built = model::build(&config, &origin)?;
        let bytes = |options: &Options| {
            let of = |weight: &Declared| Format::choose(weight, options).bytes(&weight.shape);
            built.declared.iter().map(of).sum()
        };
        Ok(Inspection {
            architecture: built.architecture,
            tensors: built.declared.len(),
            parameters: built.declared.iter().map(|weight| weight.elements() as u64).sum(),
            f32_bytes: bytes(&Options::default()),
            int4_bytes: bytes(&Options { integer: Some(Integer::bits(4)), ..Options::default() }),
        })
    }
}
