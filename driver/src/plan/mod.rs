//! What a matrix file means: an ordered list of cells with stable ids. Pure.

mod cell;

pub use cell::{Cell, CellId, Expectation, Model, Sampling, Scenario, Timeouts, Weights};
