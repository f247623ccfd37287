// out[r, c] = table[ids[r], c], one value per invocation.

struct Params { rows: u32, width: u32 }

@group(0) @binding(0) var<storage, read> ids: array<i32>;        // [rows]
@group(0) @binding(1) var<storage, read> table: array<f32>;      // [V, width]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, width]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.rows * params.width {
        return;
    }
    let row = u32(ids[i / params.width]);
    out[i] = table[row * params.width + i % params.width];
}
