// out = a · b, and packed for the linear layers that read it: four values per invocation.

struct Params { rows: u32, width: u32, blocks: u32 }

const CODES = 4;
@group(0) @binding(0) var<storage, read> a: array<f32>;          // [rows, width]
@group(0) @binding(1) var<storage, read> b: array<f32>;          // [rows, width]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, width]
@group(0) @binding(3) var<uniform> params: Params;

fn last() -> u32 {
    return params.width - 1u;
}

fn value(row: u32, k: u32) -> f32 {
    let i = row * params.width + k;
    return a[i] * b[i];
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * groups.x * 256u + id.x;
    let row = index / (8u * params.blocks);
    if row < params.rows {
        let first = index % (8u * params.blocks);
        let made = pack(row, first, params.width);
        for (var c = 0u; c < 4u; c++) {
            if 4u * first + c < params.width {
                out[row * params.width + 4u * first + c] = made[c];
            }
        }
    }
}
