//! Who hears the events of a run.

use super::event::Event;
use crate::error::Error;

/// Hears every event, in order.
pub trait Listener: Send {
    /// Takes note of events that happened together: all of them or none.
    ///
    /// # Errors
    /// When they can't be kept; the run then stops rather than lose evidence.
    fn hear(&mut self, events: &[Event]) -> Result<(), Error>;
}

/// All listeners of a run.
pub struct Listeners(Vec<Box<dyn Listener>>);

impl Listeners {
    /// Events reach them in this order.
    #[must_use]
    pub fn new(listeners: Vec<Box<dyn Listener>>) -> Self {
        Self(listeners)
    }

    /// Tells everyone.
    ///
    /// # Errors
    /// The first listener's error.
    pub fn tell(&mut self, event: &Event) -> Result<(), Error> {
        self.tell_all(std::slice::from_ref(event))
    }

    /// Tells everyone of events that happened together, such as the samples of one block.
    ///
    /// # Errors
    /// The first listener's error.
    pub fn tell_all(&mut self, events: &[Event]) -> Result<(), Error> {
        self.0.iter_mut().try_for_each(|listener| listener.hear(events))
    }
}
