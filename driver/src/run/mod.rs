//! Runs a plan and says what happens, as events.

pub mod environment;
pub mod event;
