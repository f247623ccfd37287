//! Published weights that a matrix can name, and how they get onto a machine.

mod fetch;
mod named;
mod preset;

pub(crate) use fetch::sha256;
pub use fetch::{cache_folder, fetch, folder_of};
pub use named::{NAMED, Named, find};
pub use preset::{PRESETS, preset_folder};
