//! What is made of the rows of one tensor apart from its device: anywhere, by anyone who has their bytes.

use serde::{Deserialize, Serialize};

use super::{
    Format, half,
    integer::{self, Factors},
    rows::convert,
};
use crate::{
    error::{Error, Result},
    load::{Chunk, Dtype},
};

/// Whole rows of a tensor inside some bytes, and what is wanted of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Their type in the file.
    pub source: Dtype,
    /// How they are to be stored; as they are where it is `None`.
    pub format: Option<Format>,
    /// How much every column matters, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Vec<f32>>,
    /// Shape of the whole tensor.
    pub shape: Vec<usize>,
    /// Their first byte.
    pub offset: usize,
    /// How many bytes there are.
    pub length: usize,
}

/// Rows in their format.
pub struct Made {
    /// Values or codes, as they are stored.
    pub words: Chunk,
    /// Scales and zero points of integers.
    pub factors: Factors,
}

impl Rows {
    /// Whether the bytes are what is stored.
    #[must_use]
    pub fn are_stored_as_they_are(&self) -> bool {
        let Some(format) = self.format else { return true };
        match format {
            Format::F32 => self.source == Dtype::F32,
            Format::F16 => self.source == Dtype::F16 && format.halves(&self.shape).is_some_and(half::Layout::dense),
            Format::Integer { .. } => false,
        }
    }

    /// Makes them of their bytes: the words, and the factors of integers.
    pub fn make(&self, bytes: &[u8]) -> Result<(Vec<u8>, Factors)> {
        let Some(format) = self.format.filter(|_| !self.are_stored_as_they_are()) else {
            return Ok((bytes.to_vec(), Factors::default()));
        };
        let values = convert(self.source, bytes)?;
        let mut factors = Factors::default();
        let words: Vec<u32> = match format {
            Format::F32 => bytemuck::cast_vec(values),
            Format::F16 => format.halves(&self.shape).ok_or_else(no_matrix)?.pack(&values),
            Format::Integer { calibration, .. } => {
                let layout = format.integers(&self.shape).ok_or_else(no_matrix)?;
                let mut words = Vec::with_capacity(values.len() / layout.columns.max(1) * layout.row_words());
                integer::quantize(layout, calibration, self.importance.as_deref(), &values, &mut words, &mut factors)?;
                words
            }
        };
        Ok((bytemuck::cast_slice(&words).to_vec(), factors))
    }
}

fn no_matrix() -> Error {
    Error::internal("only matrices are stored in such a format")
}
