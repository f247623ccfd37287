//! Element types of a weight file, and what they mean in f32.

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

/// Element type of a tensor in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// 16-bit float of IEEE 754.
    F16,
    /// The upper half of a 32-bit float.
    Bf16,
    /// 64-bit integer.
    I64,
    /// 32-bit integer.
    I32,
    /// Byte.
    U8,
}

impl Dtype {
    const NAMES: [(&str, Self); 6] = [
        ("F32", Self::F32),
        ("F16", Self::F16),
        ("BF16", Self::Bf16),
        ("I64", Self::I64),
        ("I32", Self::I32),
        ("U8", Self::U8),
    ];

    /// The type a safetensors header means, if the engine knows it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, dtype)| dtype)
    }

    /// Bytes of one element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::U8 => 1,
        }
    }

    /// Little-endian bytes as floats; `None` for a type that is no float.
    #[must_use]
    pub fn to_f32(self, bytes: &[u8]) -> Option<Vec<f32>> {
        let words = || bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        Some(match self {
            Self::F32 => bytemuck::pod_collect_to_vec(bytes),
            Self::F16 => words().map(|bits| f16::from_bits(bits).to_f32()).collect(),
            Self::Bf16 => words().map(|bits| bf16::from_bits(bits).to_f32()).collect(),
            Self::I64 | Self::I32 | Self::U8 => return None,
        })
    }

    /// Little-endian bytes as integers; `None` for floats, and for values that do not fit.
    #[must_use]
    pub fn to_i32(self, bytes: &[u8]) -> Option<Vec<i32>> {
        match self {
            Self::I64 => bytemuck::pod_collect_to_vec::<u8, i64>(bytes).iter().map(|&v| v.try_into().ok()).collect(),
            Self::I32 => Some(bytemuck::pod_collect_to_vec(bytes)),
            Self::U8 => Some(bytes.iter().map(|&byte| i32::from(byte)).collect()),
            Self::F32 | Self::F16 | Self::Bf16 => None,
        }
    }
}
