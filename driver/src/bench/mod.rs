//! Benchmarks of kernels: what is timed ([`cases`]), and what a time means beside the bandwidth of a plain copy
//! on the same device ([`line`]).

mod cases;
mod line;

pub use cases::{COPY, Case, cases};
pub use line::Line;
