// out = a · b, and packed for the linear layers that read it: one block of 32 per invocation.

struct Params { rows: u32, width: u32, blocks: u32 }

const CODES = 4;
@group(0) @binding(0) var<storage, read> a: array<f32>;          // [rows, width]
@group(0) @binding(1) var<storage, read> b: array<f32>;          // [rows, width]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, width]
@group(0) @binding(3) var<uniform> params: Params;

fn value(row: u32, k: u32) -> f32 {
    let i = row * params.width + k;
    let product = a[i] * b[i];
    out[i] = product;
    return product;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let block = id.y * groups.x * 64u + id.x;
    if block < params.rows * params.blocks {
        pack(block / params.blocks, block % params.blocks, params.width);
    }
}
