//! How a GPU describes itself. In a browser wgpu knows next to nothing, so the adapter is asked directly.

use std::collections::BTreeMap;

#[cfg(target_arch = "wasm32")]
use super::capability::MATRICES;
use super::capability::{PACKED_DOT, SUBGROUP_MAX_SIZE, SUBGROUP_MIN_SIZE, SUBGROUPS};
use crate::{error::Result, protocol::DeviceInfo};

/// What only the browser's own adapter tells.
#[derive(Default)]
pub struct Raw {
    vendor: String,
    architecture: String,
    description: String,
    fallback: bool,
    features: Vec<String>,
    /// Threads that a subgroup has at least, and at most.
    subgroup: [u32; 2],
}

/// Natively wgpu tells all there is.
#[cfg(not(target_arch = "wasm32"))]
pub async fn probe() -> Result<Raw> {
    Ok(Raw::default())
}

/// Asks `navigator.gpu` for its adapter; an error says that there is none.
#[cfg(target_arch = "wasm32")]
pub async fn probe() -> Result<Raw> {
    use js_sys::{Array, Function, Object, Promise, Reflect};
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;

    use crate::error::Error;

    let get = |object: &JsValue, key: &str| Reflect::get(object, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let gpu = get(&get(&js_sys::global(), "navigator"), "gpu");
    if gpu.is_undefined() || gpu.is_null() {
        return Err(Error::unsupported("this browser has no WebGPU: navigator.gpu is missing"));
    }
    let options = Object::new();
    let failed = |error: JsValue| Error::unsupported(format!("requestAdapter failed: {error:?}"));
    Reflect::set(&options, &"powerPreference".into(), &"high-performance".into()).map_err(failed)?;
    let request = get(&gpu, "requestAdapter");
    let request = request.dyn_ref::<Function>().ok_or_else(|| Error::unsupported("no requestAdapter"))?;
    let promise: Promise = request.call1(&gpu, &options).map_err(failed)?.unchecked_into();
    let adapter: JsValue = JsFuture::from(promise).await.map_err(failed)?;
    if adapter.is_null() {
        return Err(Error::unsupported("WebGPU is there, but it has no adapter")
            .hint("the browser blocks this GPU, or a flag for a software adapter is missing"));
    }
    let info = get(&adapter, "info");
    let text = |key: &str| get(&info, key).as_string().unwrap_or_default();
    let fallback = [get(&info, "isFallbackAdapter"), get(&adapter, "isFallbackAdapter")];
    let names = Array::from(&get(&adapter, "features"));
    // What shaders may use without asking is a set of its own.
    let language = get(&gpu, "wgslLanguageFeatures");
    let language = if language.is_undefined() { Array::new() } else { Array::from(&language) };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of threads")]
    let subgroup = [SUBGROUP_MIN_SIZE, SUBGROUP_MAX_SIZE].map(|size| get(&info, size).as_f64().unwrap_or(0.0) as u32);
    // Matrix units of other sizes, or shared by other numbers of threads, have no kernel here.
    let configurations = get(&info, "subgroupMatrixConfigs");
    let configurations = if configurations.is_undefined() { Array::new() } else { Array::from(&configurations) };
    let suits = |configuration: &JsValue| {
        let size = |key: &str| get(configuration, key).as_f64() == Some(16.0);
        let of = |key: &str, name: &str| get(configuration, key).as_string().is_some_and(|value| value == name);
        of("componentType", "f16") && of("resultComponentType", "f32") && ["M", "N", "K"].into_iter().all(size)
    };
    let matrices = subgroup == [32; 2] && configurations.iter().any(|configuration| suits(&configuration));
    let features = names.iter().chain(language.iter()).filter_map(|name| name.as_string());
    Ok(Raw {
        vendor: text("vendor"),
        architecture: text("architecture"),
        description: text("description"),
        fallback: fallback.iter().any(|value| value.as_bool() == Some(true)),
        features: features.filter(|name| matrices || name != MATRICES).collect(),
        subgroup,
    })
}

/// Words in the names of adapters that compute on the CPU.
const SOFTWARE: [&str; 4] = ["swiftshader", "llvmpipe", "lavapipe", "microsoft basic render"];

/// Everything that is known about an adapter.
pub fn describe(adapter: &wgpu::Adapter, limits: &wgpu::Limits, raw: Raw) -> DeviceInfo {
    let info = adapter.get_info();
    let mut description: Vec<String> = vec![raw.description];
    description.extend([info.name, info.driver, info.driver_info]);
    description.retain(|part| !part.is_empty());
    description.dedup();
    let description = description.join(", ");
    // A name of its own says more than the ids, which some set-ups borrow from another adapter.
    let named =
        if description.is_empty() { format!("{} {}", raw.vendor, raw.architecture) } else { description.clone() };
    let named = named.to_lowercase();
    let says_cpu = raw.fallback || info.device_type == wgpu::DeviceType::Cpu;
    let is_believed = cfg!(not(target_arch = "wasm32")) || description.is_empty();
    let vendor = if raw.vendor.is_empty() && info.vendor != 0 { format!("{:#06x}", info.vendor) } else { raw.vendor };
    let mut features = raw.features;
    let mut subgroup = raw.subgroup;
    if cfg!(not(target_arch = "wasm32")) {
        features = adapter.features().iter().filter_map(|feature| feature.as_str().map(str::to_owned)).collect();
        // wgpu's own compiler has it for every GPU.
        features.push(PACKED_DOT.to_owned());
        if adapter.features().contains(wgpu::Features::SUBGROUP) {
            features.push(SUBGROUPS.to_owned());
            subgroup = [info.subgroup_min_size, info.subgroup_max_size];
        }
    }
    features.sort();
    features.dedup();
    DeviceInfo {
        kind: "gpu".into(),
        vendor,
        architecture: raw.architecture,
        description,
        software: says_cpu && is_believed || SOFTWARE.iter().any(|word| named.contains(word)),
        features,
        limits: BTreeMap::from([
            ("maxBufferSize".to_owned(), limits.max_buffer_size),
            ("maxStorageBufferBindingSize".to_owned(), limits.max_storage_buffer_binding_size),
            ("maxStorageBuffersPerShaderStage".to_owned(), limits.max_storage_buffers_per_shader_stage.into()),
            ("maxComputeWorkgroupStorageSize".to_owned(), limits.max_compute_workgroup_storage_size.into()),
            ("maxComputeInvocationsPerWorkgroup".to_owned(), limits.max_compute_invocations_per_workgroup.into()),
            ("maxComputeWorkgroupsPerDimension".to_owned(), limits.max_compute_workgroups_per_dimension.into()),
            (SUBGROUP_MIN_SIZE.to_owned(), subgroup[0].into()),
            (SUBGROUP_MAX_SIZE.to_owned(), subgroup[1].into()),
        ]),
    }
}
