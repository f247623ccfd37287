//! From a folder or a seed to named tensors: configuration, file headers, ranged reads, synthetic values.
//!
//! Nothing here knows a model or a device. A weight file is never read as a whole: its header says where
//! each tensor lies, and [`fetch`] turns the tensors that are wanted into a few bounded ranges.

pub mod checkpoint;
pub mod config;
pub mod dtype;
pub mod fetch;
pub mod folder;
pub mod header;
pub mod packing;
pub mod preset;
pub mod synthetic;

pub use checkpoint::Checkpoint;
pub use config::Config;
pub use dtype::Dtype;
pub use folder::{Chunk, Folder, Remarks};
pub use packing::Packing;
pub use synthetic::Synthetic;

/// Where the tensors of a model come from.
pub enum Origin {
    /// Safetensors files.
    Files(Checkpoint),
    /// Values computed from a seed.
    Synthetic(Synthetic),
}
