// x as signed bytes, four of them per invocation. The snippet behind says where inputs lie.

struct Params { rows: u32, inputs: u32, blocks: u32 }

const THREADS = 256u;
const CODES = 2;
const ORDER = 4;
@group(0) @binding(0) var<storage, read> x: array<f32>;    // [rows, inputs]
@group(0) @binding(1) var<uniform> params: Params;

fn number(row: u32, k: u32) -> f32 {
    return select(0.0, x[row * params.inputs + place(min(k, params.inputs - 1u))], k < params.inputs);
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = id.y * groups.x * THREADS + id.x;
    let found = index / (8u * params.blocks);
    let row = min(found, params.rows - 1u);
    let k = index % (8u * params.blocks) * 4u;
    let numbers = vec4<f32>(number(row, k), number(row, k + 1u), number(row, k + 2u), number(row, k + 3u));
    pack(index, numbers, found < params.rows, thread);
}
