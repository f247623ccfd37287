//! Runs a plan and says what happens, as events.

mod attempt;
pub mod environment;
pub mod event;
pub(crate) mod fingerprint;
mod fresh;
mod importance;
pub mod listener;
mod loads;
mod model;
mod reference;
mod runner;
mod times;
mod trace;
mod trust;
mod turns;
mod workload;

pub use model::described;
pub use runner::Runner;
