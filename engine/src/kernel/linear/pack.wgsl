// x as signed bytes, four of them per invocation. The snippet behind says where inputs lie.

struct Params { rows: u32, inputs: u32, blocks: u32 }

const CODES = 2;
const ORDER = 4;
@group(0) @binding(0) var<storage, read> x: array<f32>;    // [rows, inputs]
@group(0) @binding(1) var<uniform> params: Params;

fn last() -> u32 {
    return params.inputs - 1u;
}

fn value(row: u32, k: u32) -> f32 {
    return x[row * params.inputs + place(k)];
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * groups.x * 256u + id.x;
    let row = index / (8u * params.blocks);
    if row < params.rows {
        pack(row, index % (8u * params.blocks), params.inputs);
    }
}
