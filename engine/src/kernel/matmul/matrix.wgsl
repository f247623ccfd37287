// out[m, n] = Σ a[m, k] · b[n, k] on a GPU's matrix units: factors as 16-bit floats, sums as 32-bit floats. 2 · DOWN
// subgroups of 32 threads share operands for 32 · DOWN rows and 128 columns, each has 32 rows and 64 columns of the
// results, 32 values of k at a time; the next 32 are on their way while these are multiplied.
// In front stand `enable f16`, DOWN and the snippets that read operands, eight weights at a time.

const HEIGHT = 32u * DOWN;
const WIDTH = 128u;
const THREADS = 64u * DOWN;
// Numbers between rows of a tile: eight more than a row has, so that rows begin in different banks.
const PITCH = 40u;
const LARGEST = 65504.0;
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;
var<workgroup> tile_left: array<f16, HEIGHT * PITCH>;    // [row, k]
var<workgroup> tile_right: array<f16, WIDTH * PITCH>;    // [column, k]
var<workgroup> results: array<f32, 512 * DOWN>;          // [subgroup, row, column]

var<private> next_left: array<vec4<f32>, 4>;
var<private> next_right: array<Eight, 8u / DOWN>;

fn fetch(first: vec2<u32>, k: u32, thread: u32) {
    let size = extent();
    for (var i = 0u; i < 4u; i++) {
        let place = thread + i * THREADS;
        let at = k + place % 8u * 4u;
        next_left[i] = vec4<f32>();
        if at < size.z {
            next_left[i] = left(0u, min(first.x + place / 8u, size.x - 1u), at);
        }
    }
    for (var i = 0u; i < 8u / DOWN; i++) {
        let place = thread + i * THREADS;
        next_right[i] = eight(min(first.y + place / 4u, size.y - 1u), k + place % 4u * 8u);
    }
}

fn put(thread: u32) {
    for (var i = 0u; i < 4u; i++) {
        let place = thread + i * THREADS;
        let at = place / 8u * PITCH + place % 8u * 4u;
        let values = vec4<f16>(clamp(next_left[i], vec4<f32>(-LARGEST), vec4<f32>(LARGEST)));
        for (var j = 0u; j < 4u; j++) {
            tile_left[at + j] = values[j];
        }
    }
    for (var i = 0u; i < 8u / DOWN; i++) {
        let place = thread + i * THREADS;
        let at = place / 4u * PITCH + place % 4u * 8u;
        for (var j = 0u; j < 4u; j++) {
            tile_right[at + j] = next_right[i].low[j];
            tile_right[at + 4u + j] = next_right[i].high[j];
        }
    }
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let size = extent();
    let first = group.yx * vec2<u32>(HEIGHT, WIDTH);
    let corner = vec2<u32>(subgroup / 2u * 32u, subgroup % 2u * 64u);
    var sums = array<Sums, 8>();
    fetch(first, 0u, thread);
    for (var k = 0u; k < size.z; k += 32u) {
        put(thread);
        workgroupBarrier();
        if k + 32u < size.z {
            fetch(first, k + 32u, thread);
        }
        for (var half = 0u; half < 32u; half += 16u) {
            let a0 = subgroupMatrixLoad<Left>(&tile_left, corner.x * PITCH + half, false, PITCH);
            let a1 = subgroupMatrixLoad<Left>(&tile_left, (corner.x + 16u) * PITCH + half, false, PITCH);
            for (var j = 0u; j < 4u; j++) {
                let b = subgroupMatrixLoad<Right>(&tile_right, (corner.y + 16u * j) * PITCH + half, true, PITCH);
                sums[j] = subgroupMatrixMultiplyAccumulate(a0, b, sums[j]);
                sums[4u + j] = subgroupMatrixMultiplyAccumulate(a1, b, sums[4u + j]);
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 8u; i++) {
        subgroupMatrixStore(&results, subgroup * 256u, sums[i], false, 16u);
        workgroupBarrier();
        for (var place = lane; place < 256u; place += 32u) {
            let m = first.x + corner.x + i / 4u * 16u + place / 16u;
            let n = first.y + corner.y + i % 4u * 16u + place % 16u;
            if m < size.x && n < size.y {
                store(0u, m, n, results[subgroup * 256u + place]);
            }
        }
        workgroupBarrier();
    }
}
