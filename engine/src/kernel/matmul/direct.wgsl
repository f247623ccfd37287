// out[m, n] = Σ a[m, k] · b[n, k]: 4 × 4 results per thread, nothing shared between threads. For adapters
// that run on a CPU, where a barrier costs more than reading a value again: three times as fast as
// tile.wgsl on SwiftShader, more on lavapipe. Operands come from the same snippets as for tile.wgsl.

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = extent();
    let batch = id.z;
    let m = id.y * 4u;
    let n = id.x * 4u;
    if m >= size.x || n >= size.y {
        return;
    }
    // At the edge the last row and column are computed more than once.
    let rows = min(vec4<u32>(m) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(size.x - 1u));
    let columns = min(vec4<u32>(n) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(size.y - 1u));
    var s0 = vec4<f32>();
    var s1 = vec4<f32>();
    var s2 = vec4<f32>();
    var s3 = vec4<f32>();
    for (var k = 0u; k < size.z; k += 4u) {
        let b0 = right(batch, columns.x, k);
        let b1 = right(batch, columns.y, k);
        let b2 = right(batch, columns.z, k);
        let b3 = right(batch, columns.w, k);
        let a0 = left(batch, rows.x, k);
        s0 += vec4<f32>(dot(a0, b0), dot(a0, b1), dot(a0, b2), dot(a0, b3));
        let a1 = left(batch, rows.y, k);
        s1 += vec4<f32>(dot(a1, b0), dot(a1, b1), dot(a1, b2), dot(a1, b3));
        let a2 = left(batch, rows.z, k);
        s2 += vec4<f32>(dot(a2, b0), dot(a2, b1), dot(a2, b2), dot(a2, b3));
        let a3 = left(batch, rows.w, k);
        s3 += vec4<f32>(dot(a3, b0), dot(a3, b1), dot(a3, b2), dot(a3, b3));
    }
    let sums = mat4x4<f32>(s0, s1, s2, s3);
    for (var i = 0u; i < min(4u, size.x - m); i++) {
        for (var j = 0u; j < min(4u, size.y - n); j++) {
            store(batch, m + i, n + j, sums[i][j]);
        }
    }
}
