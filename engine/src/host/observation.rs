//! What a model's linear layers are given: seen once in f32, for weights that are quantized by it afterwards.

use std::rc::Rc;

use super::Host;
use crate::{
    error::{Error, Result},
    load::Folder,
    program::Observer,
    protocol::{Calibration, Options, Tensors},
    weights::{Declared, importance::Importance},
};

impl Host {
    /// How much every input of the linear layers of a loaded model matters over some inputs, a forward pass each. The
    /// model is in f32 on the CPU: weights of other formats would be calibrated by their own errors.
    ///
    /// # Errors
    /// When there is no such model, or it is elsewhere, or can't take the inputs.
    pub async fn observe(&mut self, name: &str, passes: &[Tensors]) -> Result<Importance> {
        let slot = self.slots.get_mut(name);
        let slot = slot.ok_or_else(|| Error::internal("no model is loaded in this slot").found(format!("'{name}'")))?;
        let outputs = super::output_names(&*slot.model)?;
        let observer = Rc::new(Observer::default());
        slot.program = None;
        slot.observer = Some(observer.clone());
        let mut seen = Ok(());
        for inputs in passes {
            seen = slot.infer(inputs, outputs.clone()).await.map(drop);
            if seen.is_err() {
                break;
            }
        }
        slot.observer = None;
        slot.program = None;
        seen.map(|()| observer.importance(&slot.declared))
    }

    /// Tells weights how much their inputs matter, where they are quantized by that.
    pub(super) async fn attach_importance(&self, options: &Options, declared: &mut [Declared]) -> Result<()> {
        let Some(integer) = options.integer.as_ref().filter(|it| it.calibration == Calibration::Activations) else {
            return Ok(());
        };
        let Some(at) = &integer.importance else {
            return Err(Error::internal("nobody looked at the model's activations"));
        };
        Importance::read(&Folder::new(&self.root, at)).await?.attach(declared)
    }
}
