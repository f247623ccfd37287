//! Outputs on their way from a GPU, while it may compute what comes after them.

use std::{cell::RefCell, rc::Rc};

use super::output_tensor;
use crate::{
    device::{
        Buffer, Category, Space,
        gpu::{Asked, Gpu},
    },
    error::Result,
    graph::Port,
    protocol::Tensors,
};

/// Where outputs wait to be read: a buffer for every pass that was ever under way at once.
pub struct Staging {
    space: Space,
    bytes: u64,
    spare: RefCell<Vec<Buffer>>,
    // Held by every pass whose outputs were not read yet.
    under_way: Rc<()>,
}

impl Staging {
    /// Room for outputs of so many bytes, once for now.
    pub fn new(bytes: u64, space: &Space) -> Result<Self> {
        let (space, bytes) = (space.clone(), bytes.max(4));
        let first = space.create(Category::Staging, bytes)?;
        Ok(Self { space, bytes, spare: RefCell::new(vec![first]), under_way: Rc::default() })
    }

    /// Passes whose outputs were not read yet.
    pub fn under_way(&self) -> usize {
        Rc::strong_count(&self.under_way) - 1
    }

    /// A buffer for the outputs of one more.
    pub fn take(&self) -> Result<Buffer> {
        let spare = self.spare.borrow_mut().pop();
        spare.map_or_else(|| self.space.create(Category::Staging, self.bytes), Ok)
    }
}

/// The outputs of one pass.
pub struct Reading<'a> {
    gpu: &'a Gpu,
    ports: &'a [Port],
    buffer: Buffer,
    asked: Asked,
    staging: &'a Staging,
    _under_way: Rc<()>,
}

impl<'a> Reading<'a> {
    /// Asks for what the GPU was told to put into `buffer`, which is of `staging`.
    pub fn new(gpu: &'a Gpu, ports: &'a [Port], buffer: Buffer, staging: &'a Staging) -> Result<Self> {
        let asked = gpu.ask(buffer.raw()?);
        let under_way = staging.under_way.clone();
        Ok(Self { gpu, ports, buffer, asked, staging, _under_way: under_way })
    }

    /// The outputs, when every step was computed.
    pub async fn outputs(self) -> Result<Tensors> {
        let words = self.gpu.answer(self.buffer.raw()?, self.asked).await?;
        self.staging.spare.borrow_mut().push(self.buffer);
        let mut rest = words.as_slice();
        let mut outputs = Tensors::new();
        for port in self.ports {
            outputs.insert(port.name.clone(), output_tensor(port, rest)?);
            rest = &rest[port.shape.iter().product()..];
        }
        Ok(outputs)
    }
}
