// out[r, c .. c + 4] = table[ids[r], c .. c + 4], four values per invocation. A table may be bound in parts;
// each part writes the rows whose ids lie in it. The snippet behind this one reads the table in its format.

struct Params { rows: u32, inputs: u32, row_words: u32, row_groups: u32, group_shift: u32, first: u32, count: u32 }

const WEIGHT = 3;
@group(0) @binding(0) var<storage, read> ids: array<i32>;        // [rows]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;  // [rows, inputs]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    let steps = (params.inputs + 3u) / 4u;
    let r = i / steps;
    let c = i % steps * 4u;
    if r >= params.rows {
        return;
    }
    // An id below the first wraps around to a large number.
    let row = u32(ids[r]) - params.first;
    if row < params.count {
        let values = right(0u, row, c);
        for (var j = 0u; j < min(4u, params.inputs - c); j++) {
            out[r * params.inputs + c + j] = values[j];
        }
    }
}
