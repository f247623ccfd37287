//! Images → pixels of a model: decoded, resized as Pillow does, cropped, tiled, normalised.

pub mod decode;
pub mod processor;
pub mod recipe;
pub mod resample;
pub mod rgb;
pub mod size;
pub mod tiles;

pub use decode::decode;
pub use processor::Processor;
pub use rgb::Rgb;
pub use size::Size;
