// out[m, n] = Σ a[m, k] · b[n, k]: SIDE × SIDE threads share operands, 4 × 4 results per thread, 16 values
// of k at a time. SIDE 16 reads least; SIDE 8 gives four times the workgroups when there are few results.
//
// The operands come from a snippet in front of this body:
//   fn extent() -> vec3<u32>                        rows, columns, inner length
//   fn left(batch: u32, m: u32, k: u32) -> vec4<f32>    a[m, k .. k + 4] of a k inside, 0 past the inner length
//   fn right(batch: u32, n: u32, k: u32) -> vec4<f32>   b[n, k .. k + 4] likewise
//   fn store(batch: u32, m: u32, n: u32, sum: f32)

// Five vectors a row instead of four: neighbouring threads read different banks.
const STRIDE = 5u;
override SIDE: u32 = 16u;
var<workgroup> tile_left: array<vec4<f32>, 4u * SIDE * STRIDE>;   // [4 · SIDE, STRIDE]
var<workgroup> tile_right: array<vec4<f32>, 4u * SIDE * STRIDE>;  // [4 · SIDE, STRIDE]

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let size = extent();
    let batch = group.z;
    let first_row = group.y * 4u * SIDE;
    let first_column = group.x * 4u * SIDE;
    // Which vectors of each tile this thread brings.
    let part = thread % 4u;
    var sums = array<vec4<f32>, 4>();
    for (var k = 0u; k < size.z; k += 16u) {
        let at = k + part * 4u;
        for (var line = thread / 4u; line < 4u * SIDE; line += SIDE * SIDE / 4u) {
            var a = vec4<f32>();
            var b = vec4<f32>();
            if first_row + line < size.x && at < size.z {
                a = left(batch, first_row + line, at);
            }
            if first_column + line < size.y && at < size.z {
                b = right(batch, first_column + line, at);
            }
            tile_left[line * STRIDE + part] = a;
            tile_right[line * STRIDE + part] = b;
        }
        workgroupBarrier();
        for (var q = 0u; q < 4u; q++) {
            let b0 = tile_right[local.x * STRIDE + q];
            let b1 = tile_right[(local.x + SIDE) * STRIDE + q];
            let b2 = tile_right[(local.x + 2u * SIDE) * STRIDE + q];
            let b3 = tile_right[(local.x + 3u * SIDE) * STRIDE + q];
            for (var i = 0u; i < 4u; i++) {
                let v = tile_left[(local.y + SIDE * i) * STRIDE + q];
                sums[i] += vec4<f32>(dot(v, b0), dot(v, b1), dot(v, b2), dot(v, b3));
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        let m = first_row + local.y + SIDE * i;
        for (var j = 0u; j < 4u; j++) {
            let n = first_column + local.x + SIDE * j;
            if m < size.x && n < size.y {
                store(batch, m, n, sums[i][j]);
            }
        }
    }
}
