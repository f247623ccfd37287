// out = activation(x), one value per invocation.

struct Params { length: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [length]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;  // [length]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i < params.length {
        out[i] = activate(x[i]);
    }
}
