// out[m, n] = Σ a[m, k] · b[n, k]: one result per thread, neighbouring threads along n. For a few rows,
// where a tile would be empty. Operands come from the same snippets as for tile.wgsl.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = extent();
    if id.x >= size.y || id.y >= size.x {
        return;
    }
    var sum = 0.0;
    for (var k = 0u; k < size.z; k += 4u) {
        sum += dot(left(id.z, id.y, k), right(id.z, id.x, k));
    }
    store(id.z, id.y, id.x, sum);
}
