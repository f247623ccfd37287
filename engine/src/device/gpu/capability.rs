//! What kernels are chosen by, read once when the GPU is opened.

use crate::protocol::DeviceInfo;

/// Abilities of a GPU that kernels depend on. `enable f16;` and `enable subgroups;` belong here too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The adapter runs on a CPU.
    pub software: bool,
    /// Bytes of one storage binding; a larger weight is bound in parts.
    pub binding_limit: u64,
    /// Bytes that a workgroup shares.
    pub workgroup_bytes: u32,
}

impl Capability {
    /// The abilities of the GPU that describes itself so.
    #[must_use]
    pub fn of(info: &DeviceInfo, limits: &wgpu::Limits) -> Self {
        Self {
            software: info.software,
            binding_limit: limits.max_storage_buffer_binding_size,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
        }
    }
}
