//! Runs a plan and says what happens, as events.

mod attempt;
pub mod environment;
pub mod event;
mod fingerprint;
pub mod listener;
pub mod machine;
mod model;
mod reference;
mod runner;
mod times;
mod workload;

pub use model::described;
pub use runner::Runner;
