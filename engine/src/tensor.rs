//! Values on the CPU, as they go into a model, come out of it, and travel between processes.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::Error as _, ser::Error as _};

/// Named tensors, as a Hugging Face model names its inputs and outputs.
pub type Tensors = BTreeMap<String, Tensor>;

/// A dense little-endian tensor on the CPU.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// The values.
    pub data: TensorData,
}

/// Values of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 32-bit integers: ids and masks.
    I32(Vec<i32>),
    /// 32-bit floats that are on a device.
    Absent,
}

impl Tensor {
    /// A float tensor. The number of values must match the shape.
    #[must_use]
    pub fn f32(shape: &[usize], values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape: shape.to_vec(), data: TensorData::F32(values) }
    }

    /// An integer tensor. The number of values must match the shape.
    #[must_use]
    pub fn i32(shape: &[usize], values: Vec<i32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self { shape: shape.to_vec(), data: TensorData::I32(values) }
    }

    /// A float tensor whose values are on a device, or not there yet.
    #[must_use]
    pub fn absent(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), data: TensorData::Absent }
    }

    /// Whether it stands for as many floats as its shape says.
    #[must_use]
    pub fn is_float(&self) -> bool {
        match &self.data {
            TensorData::F32(values) => values.len() == self.shape.iter().product::<usize>(),
            TensorData::I32(_) => false,
            TensorData::Absent => true,
        }
    }

    /// The values as little-endian bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            TensorData::F32(values) => bytemuck::cast_slice(values),
            TensorData::I32(values) => bytemuck::cast_slice(values),
            TensorData::Absent => &[],
        }
    }

    /// The floats, if it holds floats.
    #[must_use]
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            TensorData::F32(values) => Some(values),
            TensorData::I32(_) | TensorData::Absent => None,
        }
    }

    /// The integers, if it holds integers.
    #[must_use]
    pub fn as_i32(&self) -> Option<&[i32]> {
        match &self.data {
            TensorData::I32(values) => Some(values),
            TensorData::F32(_) | TensorData::Absent => None,
        }
    }
}

/// A [`Tensor`] as it travels: the bytes in base64, so that floats keep every bit.
#[derive(Serialize, Deserialize)]
struct Wire {
    dtype: String,
    shape: Vec<usize>,
    base64: String,
}

impl Serialize for Tensor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (dtype, bytes): (_, &[u8]) = match &self.data {
            TensorData::F32(values) => ("f32", bytemuck::cast_slice(values)),
            TensorData::I32(values) => ("i32", bytemuck::cast_slice(values)),
            TensorData::Absent => return Err(S::Error::custom("the values are on a device")),
        };
        Wire { dtype: dtype.into(), shape: self.shape.clone(), base64: STANDARD.encode(bytes) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tensor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let bytes = STANDARD.decode(&wire.base64).map_err(D::Error::custom)?;
        let expected = wire.shape.iter().try_fold(4_usize, |n, &d| n.checked_mul(d));
        if expected != Some(bytes.len()) {
            return Err(D::Error::custom(format!("{} bytes do not fill the shape {:?}", bytes.len(), wire.shape)));
        }
        let data = match wire.dtype.as_str() {
            "f32" => TensorData::F32(bytemuck::pod_collect_to_vec(&bytes)),
            "i32" => TensorData::I32(bytemuck::pod_collect_to_vec(&bytes)),
            other => return Err(D::Error::unknown_variant(other, &["f32", "i32"])),
        };
        Ok(Self { shape: wire.shape, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_keeps_every_bit_over_the_wire() {
        let tensor = Tensor::f32(&[2, 2], vec![f32::MIN_POSITIVE / 2.0, -0.0, f32::INFINITY, 0.1]);
        let json = serde_json::to_string(&tensor).expect("serialises");
        assert_eq!(serde_json::from_str::<Tensor>(&json).expect("parses"), tensor);
    }

    #[test]
    fn a_tensor_with_too_few_bytes_is_refused() {
        let json = r#"{"dtype":"f32","shape":[3],"base64":"AAAAAA=="}"#;
        let error = serde_json::from_str::<Tensor>(json).expect_err("one float for three");
        assert!(error.to_string().contains("do not fill the shape [3]"), "{error}");
    }
}
