//! What a CPU kernel reads.

use crate::{
    error::{Error, Result},
    weights::{half, integer::Matrix},
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
    Half(half::Layout, &'a [u32]),
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

    /// A matrix of 16-bit floats.
    #[must_use]
    pub fn half(shape: &'a [usize], layout: half::Layout, words: &'a [u32]) -> Self {
        Self { shape, data: Data::Half(layout, words) }
    }

    /// The values as floats. A buffer may be larger than the tensor in it.
    pub fn f32(&self) -> Result<&'a [f32]> {
        self.plain().map(bytemuck::cast_slice)
    }

    /// The values as integers.
    pub fn i32(&self) -> Result<&'a [i32]> {
        self.plain().map(bytemuck::cast_slice)
    }

    /// Whether rows have to be read with [`Self::row`].
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        !matches!(self.data, Data::Words(_))
    }

    /// Reads row `row` of a matrix into `out`, one float per input.
    pub fn row(&self, row: usize, out: &mut [f32]) -> Result<()> {
        match self.data {
            Data::Words(_) => {
                let width = self.width();
                out.copy_from_slice(&self.f32()?[row * width..][..width]);
            }
            Data::Half(layout, words) => layout.row(words, row, out),
            Data::Integer(matrix) => matrix.row(row, out),
        }
        Ok(())
    }

    /// The same, one float per column: where these are in another order than inputs, as [`Self::order`] says.
    pub fn columns(&self, row: usize, out: &mut [f32]) -> Result<()> {
        if let Data::Integer(matrix) = self.data {
            matrix.columns(row, out);
            return Ok(());
        }
        self.row(row, out)
    }

    /// The input that each column of a matrix belongs to, or nothing where they lie as inputs do.
    #[must_use]
    pub fn order(&self) -> &'a [u32] {
        if let Data::Integer(matrix) = self.data { matrix.order } else { &[] }
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
            Data::Half(..) | Data::Integer(_) => {
                Err(Error::internal("a compressed matrix where plain numbers are needed"))
            }
        }
    }
}
