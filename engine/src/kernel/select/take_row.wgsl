// One row of every sequence, one value per invocation.

struct Params { batch: u32, length: u32, width: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [batch, length, width]
@group(0) @binding(1) var<storage, read> rows: array<i32>;       // [batch]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [batch, width]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.batch * params.width {
        return;
    }
    let batch = i / params.width;
    let row = u32(rows[batch]);
    if row < params.length {
        out[i] = x[(batch * params.length + row) * params.width + i % params.width];
    } else {
        out[i] = 0.0;
    }
}
