// Rows of numbers as signed bytes, four of them per invocation; four.wgsl says what the body has. It reads
// `params.rows` and `params.inputs`.

const THREADS = 256u;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = id.y * groups.x * THREADS + id.x;
    let row = index / fours(params.inputs);
    let exists = row < params.rows;
    pack_four(min(row, params.rows - 1u), index % fours(params.inputs), params.inputs, exists, thread);
}
