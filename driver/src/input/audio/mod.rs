//! Sound files → mono samples at the rate a model was trained with.

pub mod decode;
pub mod rate;

pub use decode::{Sound, decode};
