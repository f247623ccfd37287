//! What a CPU kernel reads.

use crate::{
    error::{Error, Result},
    weights::integer::Matrix,
};

/// A tensor on the CPU.
#[derive(Clone, Copy)]
pub struct Operand<'a> {
    /// Row-major shape.
    pub shape: &'a [usize],
    data: Data<'a>,
}

#[derive(Clone, Copy)]
enum Data<'a> {
    Words(&'a [u32]),
    Integer(Matrix<'a>),
}

impl<'a> Operand<'a> {
    /// Four-byte values, floats or integers.
    #[must_use]
    pub fn words(shape: &'a [usize], words: &'a [u32]) -> Self {
        Self { shape, data: Data::Words(words) }
    }

    /// A quantized matrix.
    #[must_use]
    pub fn integer(shape: &'a [usize], matrix: Matrix<'a>) -> Self {
        Self { shape, data: Data::Integer(matrix) }
    }

    /// The values as floats. A buffer may be larger than the tensor in it.
    pub fn f32(&self) -> Result<&'a [f32]> {
        self.plain().map(bytemuck::cast_slice)
    }

    /// The values as integers.
    pub fn i32(&self) -> Result<&'a [i32]> {
        self.plain().map(bytemuck::cast_slice)
    }

    /// The matrix, if it is quantized.
    #[must_use]
    pub fn quantized(&self) -> Option<Matrix<'a>> {
        match self.data {
            Data::Integer(matrix) => Some(matrix),
            Data::Words(_) => None,
        }
    }

    /// Length of the last axis.
    #[must_use]
    pub fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    fn plain(&self) -> Result<&'a [u32]> {
        match self.data {
            Data::Words(words) => words.get(..self.shape.iter().product()).ok_or_else(|| {
                Error::internal("a tensor is larger than its buffer").found(format!("{:?}", self.shape))
            }),
            Data::Integer(_) => Err(Error::internal("a quantized matrix where plain numbers are needed")),
        }
    }
}
