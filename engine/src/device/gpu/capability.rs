//! What kernels are chosen by, read once when the GPU is opened.

use crate::protocol::DeviceInfo;

/// Abilities of a GPU that kernels depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The adapter runs on a CPU.
    pub software: bool,
    /// Bytes of one storage binding; a larger weight is bound in parts.
    pub binding_limit: u64,
    /// Threads that every subgroup has at least; 0 where kernels can't use subgroups.
    pub subgroup: u32,
    /// Threads that a subgroup has at most.
    pub subgroup_most: u32,
    /// Whether shaders have the dot product of four signed bytes.
    pub packed_dot: bool,
    /// Whether subgroups of 32 multiply matrices of 16 × 16 16-bit floats, with 32-bit sums.
    pub matrices: bool,
    /// Whether shaders have 16-bit floats.
    pub halves: bool,
    /// Storage buffers that a kernel may bind at once.
    pub storage_buffers: usize,
    /// Bytes that a workgroup shares.
    pub workgroup_bytes: u32,
}

impl Capability {
    /// The abilities of the GPU that describes itself so.
    #[must_use]
    pub fn of(info: &DeviceInfo, device: &wgpu::Device, limits: &wgpu::Limits) -> Self {
        let has = |feature: &str| info.features.iter().any(|name| name == feature);
        let subgroups = has(SUBGROUPS) && opened_with(device, SUBGROUPS);
        let threads = |name: &str| {
            let size = info.limits.get(name).filter(|_| subgroups);
            size.and_then(|&size| u32::try_from(size).ok()).unwrap_or(0)
        };
        Self {
            software: info.software,
            binding_limit: limits.max_storage_buffer_binding_size,
            subgroup: threads(SUBGROUP_MIN_SIZE),
            subgroup_most: threads(SUBGROUP_MAX_SIZE),
            packed_dot: has(PACKED_DOT),
            matrices: has(MATRICES) && [SUBGROUPS, HALVES, MATRICES].iter().all(|name| opened_with(device, name)),
            halves: has(HALVES) && opened_with(device, HALVES),
            storage_buffers: limits.max_storage_buffers_per_shader_stage as usize,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
        }
    }
}

/// The feature, as WebGPU calls it.
pub(super) const SUBGROUPS: &str = "subgroups";
/// The feature of 16-bit floats in shaders.
const HALVES: &str = "shader-f16";
/// The feature of matrix units, as Chrome calls it behind its flag; WebGPU has none yet.
pub(super) const MATRICES: &str = "chromium-experimental-subgroup-matrix";
/// The language feature, as WGSL calls it.
pub(super) const PACKED_DOT: &str = "packed_4x8_integer_dot_product";
/// Threads that every subgroup has at least, beside the limits.
pub(super) const SUBGROUP_MIN_SIZE: &str = "subgroupMinSize";
/// Threads that a subgroup has at most.
pub(super) const SUBGROUP_MAX_SIZE: &str = "subgroupMaxSize";

/// Whether the device was opened with a feature.
#[cfg(not(target_arch = "wasm32"))]
fn opened_with(device: &wgpu::Device, feature: &str) -> bool {
    let known = [(SUBGROUPS, wgpu::Features::SUBGROUP), (HALVES, wgpu::Features::SHADER_F16)];
    known.into_iter().any(|(name, its)| name == feature && device.features().contains(its))
}

/// Whether the device was opened with a feature. wgpu asks no browser for those of kernels; the page does.
#[cfg(target_arch = "wasm32")]
fn opened_with(device: &wgpu::Device, feature: &str) -> bool {
    use js_sys::{Function, Reflect};
    use wasm_bindgen::{JsCast, JsValue};

    let Some(device) = device.as_webgpu() else { return false };
    let device: &JsValue = device.as_ref();
    let answer = Reflect::get(device, &"features".into()).and_then(|features| {
        let has = Reflect::get(&features, &"has".into())?.dyn_into::<Function>()?;
        has.call1(&features, &feature.into())
    });
    answer.is_ok_and(|answer| answer.is_truthy())
}
