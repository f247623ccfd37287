// out = a · b, and packed for the linear layers that read it: four values per invocation.

struct Params { rows: u32, width: u32, blocks: u32 }

const THREADS = 256u;
const CODES = 4;
@group(0) @binding(0) var<storage, read> a: array<f32>;          // [rows, width]
@group(0) @binding(1) var<storage, read> b: array<f32>;          // [rows, width]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, width]
@group(0) @binding(3) var<uniform> params: Params;

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
    var made = vec4<f32>();
    for (var c = 0u; c < 4u; c++) {
        let i = row * params.width + min(k + c, params.width - 1u);
        made[c] = select(0.0, a[i] * b[i], k + c < params.width);
    }
    for (var c = 0u; c < 4u; c++) {
        if found < params.rows && k + c < params.width {
            out[row * params.width + k + c] = made[c];
        }
    }
    pack(index, made, found < params.rows, thread);
}
