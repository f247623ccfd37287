//! Real weights: which sets exist by name.

mod named;

pub use named::{NAMED, Named, find};
