// out[m, n] = Σ a[m, k] · b[n, k]: 256 threads share operands for 64 rows and 128 columns, 4 × 8 results per
// thread, 16 values of k at a time. For many rows; the next 16 are on their way while these are multiplied.
// Operands come from the same snippets as for tile.wgsl.

const HEIGHT = 64u;
const WIDTH = 128u;
var<workgroup> tile_left: array<vec4<f32>, 4 * HEIGHT>;   // [quarter of k, row]
var<workgroup> tile_right: array<vec4<f32>, 4 * WIDTH>;   // [quarter of k, column]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let size = extent();
    let across = thread % 16u;
    let down = thread / 16u;
    // Neighbouring threads bring neighbouring vectors of a row.
    let part = thread % 4u;
    let line = thread / 4u;
    let row = min(group.y * HEIGHT + line, size.x - 1u);
    let column = min(group.x * WIDTH + line, size.y - 1u);
    let other = min(group.x * WIDTH + line + 64u, size.y - 1u);
    var next_left = vec4<f32>();
    var next_right = vec4<f32>();
    var next_other = vec4<f32>();
    if part * 4u < size.z {
        next_left = left(0u, row, part * 4u);
        next_right = right(0u, column, part * 4u);
        next_other = right(0u, other, part * 4u);
    }
    var sums = array<vec4<f32>, 8>();
    for (var k = 0u; k < size.z; k += 16u) {
        tile_left[part * HEIGHT + line] = next_left;
        tile_right[part * WIDTH + line] = next_right;
        tile_right[part * WIDTH + line + 64u] = next_other;
        workgroupBarrier();
        let at = k + 16u + part * 4u;
        next_left = vec4<f32>();
        next_right = vec4<f32>();
        next_other = vec4<f32>();
        if at < size.z {
            next_left = left(0u, row, at);
            next_right = right(0u, column, at);
            next_other = right(0u, other, at);
        }
        for (var q = 0u; q < 4u; q++) {
            let a0 = tile_left[q * HEIGHT + down];
            let a1 = tile_left[q * HEIGHT + down + 16u];
            let a2 = tile_left[q * HEIGHT + down + 32u];
            let a3 = tile_left[q * HEIGHT + down + 48u];
            for (var j = 0u; j < 8u; j++) {
                let b = tile_right[q * WIDTH + across + 16u * j];
                sums[j] += vec4<f32>(dot(a0, b), dot(a1, b), dot(a2, b), dot(a3, b));
            }
        }
        workgroupBarrier();
    }
    for (var j = 0u; j < 8u; j++) {
        for (var i = 0u; i < 4u; i++) {
            let m = group.y * HEIGHT + down + 16u * i;
            let n = group.x * WIDTH + across + 16u * j;
            if m < size.x && n < size.y {
                store(0u, m, n, sums[j][i]);
            }
        }
    }
}
