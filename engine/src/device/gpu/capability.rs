//! What kernels are chosen by, read once when the GPU is opened.

use crate::protocol::DeviceInfo;

/// Abilities of a GPU that kernels depend on. `enable f16;` and `enable subgroups;` belong here too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The adapter runs on a CPU.
    pub software: bool,
}

impl Capability {
    /// The abilities of the GPU that describes itself so.
    #[must_use]
    pub fn of(info: &DeviceInfo) -> Self {
        Self { software: info.software }
    }
}
