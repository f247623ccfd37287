//! What a GPU reports on the side: validation errors, lack of memory, loss of the device. The first one is
//! kept, because those that follow are mostly its consequences.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    error::{Error, Result},
    protocol::FailureKind,
};

/// The first fault since the device was opened or last checked; a lost device stays lost.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Option<Fault>>>);

#[derive(Clone)]
struct Fault {
    kind: FailureKind,
    text: String,
    lasting: bool,
}

impl Faults {
    /// Listens to a device.
    pub fn of(device: &wgpu::Device) -> Self {
        let faults = Self::default();
        let errors = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            let (kind, text) = match &error {
                wgpu::Error::OutOfMemory { .. } => (FailureKind::OutOfMemory, "GPU memory ran out".to_owned()),
                other => (FailureKind::Device, format!("the GPU reported an error: {other}")),
            };
            errors.set(Fault { kind, text, lasting: false });
        }));
        let lost = faults.clone();
        device.set_device_lost_callback(move |reason, message| {
            let text = format!("the GPU was lost ({reason:?}): {message}");
            lost.set(Fault { kind: FailureKind::Device, text, lasting: true });
        });
        faults
    }

    /// Reports the fault, if there is one.
    pub fn check(&self) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(fault) = held.clone() else { return Ok(()) };
        if !fault.lasting {
            *held = None;
        }
        Err(match fault.kind {
            FailureKind::OutOfMemory => Error::out_of_memory(fault.text),
            _ => Error::device(fault.text),
        })
    }

    /// Whether the device is gone for good.
    pub fn lost(&self) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_some_and(|fault| fault.lasting)
    }

    fn set(&self, fault: Fault) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() || fault.lasting {
            *held = Some(fault);
        }
    }
}
