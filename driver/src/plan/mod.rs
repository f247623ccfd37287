//! What a matrix file means: an ordered list of cells with stable ids. Pure.

mod build;
mod cell;
mod filter;
mod id;
mod shard;

pub use build::{MAX_CELLS, Plan};
pub use cell::{Cell, CellId, Expectation, Model, Network, Profile, Sampling, Scenario, Timeouts, Weights};
pub use filter::Filter;
pub use shard::Shard;
