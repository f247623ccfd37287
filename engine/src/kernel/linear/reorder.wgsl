// x as it is, its inputs in the order of the weights; eight per invocation. The snippet behind says where they lie.

struct Params { rows: u32, inputs: u32, blocks: u32 }

const ORDER = 3;
@group(0) @binding(0) var<storage, read> x: array<f32>;                     // [rows, inputs]
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> ordered: array<f32>;         // [rows, inputs]

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * groups.x * 256u + id.x;
    let row = index / (4u * params.blocks);
    if row < params.rows {
        let first = row * params.inputs;
        let k = index % (4u * params.blocks) * 8u;
        for (var i = k; i < min(k + 8u, params.inputs); i++) {
            ordered[first + i] = x[first + place(i)];
        }
    }
}
