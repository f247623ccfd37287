// Logarithms clamped to a range below the largest of their clip, bands first, one value per invocation.

struct Params { length: u32, frames: u32, bands: u32, range: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;            // [clips, frames, bands]
@group(0) @binding(1) var<storage, read> total: array<vec4<f32>>;  // [clips]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;    // [clips, bands, frames]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let size = params.frames * params.bands;
    let clip = i / size;
    let band = i % size / params.frames;
    let value = x[clip * size + i % params.frames * params.bands + band];
    out[i] = (max(value, total[clip].w - params.range) + 4.0) / 4.0;
}
