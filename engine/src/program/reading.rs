//! Outputs on their way from a GPU, while it may compute what comes after them.

use std::cell::RefCell;

use super::output_tensor;
use crate::{
    device::{
        Buffer,
        gpu::{Asked, Gpu},
    },
    error::Result,
    graph::Port,
    protocol::Tensors,
};

/// The outputs of one pass.
pub struct Reading<'a> {
    gpu: &'a Gpu,
    ports: &'a [Port],
    staging: Buffer,
    asked: Asked,
    spare: &'a RefCell<Vec<Buffer>>,
}

impl<'a> Reading<'a> {
    /// Asks for what the GPU was told to put into `staging`, which goes to `spare` in the end.
    pub fn new(gpu: &'a Gpu, ports: &'a [Port], staging: Buffer, spare: &'a RefCell<Vec<Buffer>>) -> Result<Self> {
        let asked = gpu.ask(staging.raw()?);
        Ok(Self { gpu, ports, staging, asked, spare })
    }

    /// The outputs, when every step was computed.
    pub async fn outputs(self) -> Result<Tensors> {
        let words = self.gpu.answer(self.staging.raw()?, self.asked).await?;
        self.spare.borrow_mut().push(self.staging);
        let mut rest = words.as_slice();
        let mut outputs = Tensors::new();
        for port in self.ports {
            outputs.insert(port.name.clone(), output_tensor(port, rest)?);
            rest = &rest[port.shape.iter().product()..];
        }
        Ok(outputs)
    }
}
