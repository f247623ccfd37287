// x as signed bytes, one block per invocation. The snippet behind says where inputs lie.

struct Params { rows: u32, inputs: u32, blocks: u32 }

const CODES = 2;
const ORDER = 4;
@group(0) @binding(0) var<storage, read> x: array<f32>;    // [rows, inputs]
@group(0) @binding(1) var<uniform> params: Params;

fn value(row: u32, k: u32) -> f32 {
    return x[row * params.inputs + place(k)];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let block = id.y * groups.x * 64u + id.x;
    if block < params.rows * params.blocks {
        pack(block / params.blocks, block % params.blocks, params.inputs);
    }
}
