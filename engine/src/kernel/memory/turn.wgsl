// Every head times a Hadamard matrix that keeps lengths: one workgroup per row and head.

struct Params { width: u32, turned: u32, count: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;           // [count, width]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;   // [count, width]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group.y * groups.x + group.x;
    if index >= params.count {
        return;
    }
    for (var c = thread; c < params.width; c += THREADS) {
        row[c] = x[index * params.width + c];
    }
    workgroupBarrier();
    turn_row(params.width, params.turned, thread);
    for (var c = thread; c < params.width; c += THREADS) {
        out[index * params.width + c] = row[c] * inverseSqrt(f32(params.turned));
    }
}
