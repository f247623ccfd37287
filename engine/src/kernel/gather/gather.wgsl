// out[r, c] = table[ids[r], c], one value per invocation. A table may be bound in parts; each part writes
// the rows whose ids lie in it.

struct Params { rows: u32, width: u32, first: u32, count: u32 }

@group(0) @binding(0) var<storage, read> ids: array<i32>;        // [rows]
@group(0) @binding(1) var<storage, read> table: array<f32>;      // [count, width], from row `first` on
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, width]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.rows * params.width {
        return;
    }
    // An id below the first wraps around to a large number.
    let row = u32(ids[i / params.width]) - params.first;
    if row < params.count {
        out[i] = table[row * params.width + i % params.width];
    }
}
