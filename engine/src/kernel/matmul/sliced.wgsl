// out[m, n] = Σ a[m, k] · b[n, k] for a few rows, where a tile would be empty: 64 neighbouring threads along n, and four
// such lines of threads, which share k and meet in memory. Operands come from the same snippets as for tile.wgsl.

const COLUMNS = 64u;
const SLICES = 4u;
// Fours of k that are on their way to a thread at once.
const TOGETHER = 4u;

var<workgroup> partial: array<f32, SLICES * COLUMNS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let size = extent();
    let column = group.x * COLUMNS + thread % COLUMNS;
    // At the edge the last column is computed more than once.
    let n = min(column, size.y - 1u);
    let step = 4u * SLICES;
    var sum = 0.0;
    var k = thread / COLUMNS * 4u;
    for (; k + (TOGETHER - 1u) * step < size.z; k += TOGETHER * step) {
        for (var i = 0u; i < TOGETHER; i++) {
            sum += dot(left(group.z, group.y, k + i * step), right(group.z, n, k + i * step));
        }
    }
    for (; k < size.z; k += step) {
        sum += dot(left(group.z, group.y, k), right(group.z, n, k));
    }
    partial[thread] = sum;
    workgroupBarrier();
    if thread < COLUMNS && column < size.y {
        for (var slice = 1u; slice < SLICES; slice++) {
            sum += partial[slice * COLUMNS + thread];
        }
        store(group.z, group.y, column, sum);
    }
}
