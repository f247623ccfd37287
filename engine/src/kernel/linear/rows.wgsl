// The product for few rows: 16 threads share one output column, 4 columns and up to 4 rows per workgroup,
// so that every weight is read once. Operands come from the same snippets as for tile.wgsl.

var<workgroup> scratch: array<vec4<f32>, 64>;  // [4 columns, 16 threads], one component per row

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let size = extent();
    let lane = thread % 16u;
    let n = (group.y * groups.x + group.x) * 4u + thread / 16u;
    let first = group.z * 4u;
    var sums = vec4<f32>();
    if n < size.y {
        for (var k = lane * 4u; k < size.z; k += 64u) {
            let w = right(0u, n, k);
            for (var i = 0u; i < min(4u, size.x - first); i++) {
                sums[i] += dot(left(0u, first + i, k), w);
            }
        }
    }
    scratch[thread] = sums;
    workgroupBarrier();
    for (var half = 8u; half > 0u; half /= 2u) {
        if lane < half {
            scratch[thread] += scratch[thread + half];
        }
        workgroupBarrier();
    }
    if lane < 4u && first + lane < size.x && n < size.y {
        store(0u, first + lane, n, scratch[thread - lane][lane]);
    }
}
