//! Sound files → mono samples at the rate a model was trained with.

pub mod decode;
mod made_up;
pub mod rate;

pub use decode::{Sound, decode};
pub use made_up::{SECONDS, made_up};
