// out[m, n] = Σ x[m, k] · weight[n, k] on a GPU's matrix units: factors as 16-bit floats, sums as 32-bit floats. 2 · DOWN
// subgroups of 32 threads share operands for 32 · DOWN rows and 128 columns, each has 32 rows and 64 columns of the
// results, 32 values of k at a time; the next 32 are on their way while these are multiplied.
// In front stand DOWN, 2 or 4, x, and the snippet that reads eight weights at a time. What stays in registers has names
// and is used where it is made: arrays, vectors of places and functions cost a third of the speed.

const HEIGHT = 32u * DOWN;
const WIDTH = 128u;
const THREADS = 64u * DOWN;
// Vectors between rows of a tile: two more than a row has, so that rows begin in different banks.
const PITCH = 10u;
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;
var<workgroup> tile_left: array<vec4<f16>, HEIGHT * PITCH>;    // [row, k / 4]
var<workgroup> tile_right: array<vec4<f16>, WIDTH * PITCH>;    // [column, k / 4]
var<workgroup> results: array<f32, 512 * DOWN>;                // [subgroup, row, column]

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row = group.y * HEIGHT;
    let column = group.x * WIDTH;
    let down = subgroup / 2u * 32u;
    let across = subgroup % 2u * 64u;
    var s00 = Sums();
    var s01 = Sums();
    var s02 = Sums();
    var s03 = Sums();
    var s10 = Sums();
    var s11 = Sums();
    var s12 = Sums();
    var s13 = Sums();
    // A thread brings four vectors of x, every eighth of a row, and eight weights two or four times.
    let rows = params.rows - 1u;
    let pitch = (params.inputs + 31u) / 32u * 8u;
    let from_0 = min(row + thread / 8u, rows) * pitch + thread % 8u;
    let from_1 = min(row + (thread + THREADS) / 8u, rows) * pitch + thread % 8u;
    let from_2 = min(row + (thread + 2u * THREADS) / 8u, rows) * pitch + thread % 8u;
    let from_3 = min(row + (thread + 3u * THREADS) / 8u, rows) * pitch + thread % 8u;
    let columns = params.outputs - 1u;
    let n_0 = min(column + thread / 4u, columns);
    let n_1 = min(column + (thread + THREADS) / 4u, columns);
    let n_2 = min(column + (thread + 2u * THREADS) / 4u, columns);
    let n_3 = min(column + (thread + 3u * THREADS) / 4u, columns);
    let part = thread % 4u * 8u;
    let to_left = thread / 8u * PITCH + thread % 8u;
    let to_right = thread / 4u * PITCH + thread % 4u * 2u;
    var left_0 = x[from_0];
    var left_1 = x[from_1];
    var left_2 = x[from_2];
    var left_3 = x[from_3];
    var right_0 = coded(n_0, part);
    var right_1 = coded(n_1, part);
    var right_2 = Coded();
    var right_3 = Coded();
    if DOWN == 2u {
        right_2 = coded(n_2, part);
        right_3 = coded(n_3, part);
    }
    for (var k = 0u; k < params.inputs; k += 32u) {
        tile_left[to_left] = bitcast<vec4<f16>>(left_0);
        tile_left[to_left + THREADS / 8u * PITCH] = bitcast<vec4<f16>>(left_1);
        tile_left[to_left + 2u * THREADS / 8u * PITCH] = bitcast<vec4<f16>>(left_2);
        tile_left[to_left + 3u * THREADS / 8u * PITCH] = bitcast<vec4<f16>>(left_3);
        let first = eight(right_0);
        tile_right[to_right] = first.low;
        tile_right[to_right + 1u] = first.high;
        let second = eight(right_1);
        tile_right[to_right + THREADS / 4u * PITCH] = second.low;
        tile_right[to_right + THREADS / 4u * PITCH + 1u] = second.high;
        if DOWN == 2u {
            let third = eight(right_2);
            tile_right[to_right + 2u * THREADS / 4u * PITCH] = third.low;
            tile_right[to_right + 2u * THREADS / 4u * PITCH + 1u] = third.high;
            let fourth = eight(right_3);
            tile_right[to_right + 3u * THREADS / 4u * PITCH] = fourth.low;
            tile_right[to_right + 3u * THREADS / 4u * PITCH + 1u] = fourth.high;
        }
        workgroupBarrier();
        let next = k + 32u;
        if next < params.inputs {
            left_0 = x[from_0 + next / 4u];
            left_1 = x[from_1 + next / 4u];
            left_2 = x[from_2 + next / 4u];
            left_3 = x[from_3 + next / 4u];
            right_0 = coded(n_0, next + part);
            right_1 = coded(n_1, next + part);
            if DOWN == 2u {
                right_2 = coded(n_2, next + part);
                right_3 = coded(n_3, next + part);
            }
        }
        {
            let a = subgroupMatrixLoad<Left, row_major>(&tile_left, down * PITCH, PITCH);
            let b = subgroupMatrixLoad<Left, row_major>(&tile_left, (down + 16u) * PITCH, PITCH);
            let c0 = subgroupMatrixLoad<Right, col_major>(&tile_right, across * PITCH, PITCH);
            let c1 = subgroupMatrixLoad<Right, col_major>(&tile_right, (across + 16u) * PITCH, PITCH);
            let c2 = subgroupMatrixLoad<Right, col_major>(&tile_right, (across + 32u) * PITCH, PITCH);
            let c3 = subgroupMatrixLoad<Right, col_major>(&tile_right, (across + 48u) * PITCH, PITCH);
            s00 = subgroupMatrixMultiplyAccumulate(a, c0, s00);
            s01 = subgroupMatrixMultiplyAccumulate(a, c1, s01);
            s02 = subgroupMatrixMultiplyAccumulate(a, c2, s02);
            s03 = subgroupMatrixMultiplyAccumulate(a, c3, s03);
            s10 = subgroupMatrixMultiplyAccumulate(b, c0, s10);
            s11 = subgroupMatrixMultiplyAccumulate(b, c1, s11);
            s12 = subgroupMatrixMultiplyAccumulate(b, c2, s12);
            s13 = subgroupMatrixMultiplyAccumulate(b, c3, s13);
        }
        {
            let a = subgroupMatrixLoad<Left, row_major>(&tile_left, down * PITCH + 4u, PITCH);
            let b = subgroupMatrixLoad<Left, row_major>(&tile_left, (down + 16u) * PITCH + 4u, PITCH);
            let c0 = subgroupMatrixLoad<Right, col_major>(&tile_right, across * PITCH + 4u, PITCH);
            let c1 = subgroupMatrixLoad<Right, col_major>(&tile_right, (across + 16u) * PITCH + 4u, PITCH);
            let c2 = subgroupMatrixLoad<Right, col_major>(&tile_right, (across + 32u) * PITCH + 4u, PITCH);
            let c3 = subgroupMatrixLoad<Right, col_major>(&tile_right, (across + 48u) * PITCH + 4u, PITCH);
            s00 = subgroupMatrixMultiplyAccumulate(a, c0, s00);
            s01 = subgroupMatrixMultiplyAccumulate(a, c1, s01);
            s02 = subgroupMatrixMultiplyAccumulate(a, c2, s02);
            s03 = subgroupMatrixMultiplyAccumulate(a, c3, s03);
            s10 = subgroupMatrixMultiplyAccumulate(b, c0, s10);
            s11 = subgroupMatrixMultiplyAccumulate(b, c1, s11);
            s12 = subgroupMatrixMultiplyAccumulate(b, c2, s12);
            s13 = subgroupMatrixMultiplyAccumulate(b, c3, s13);
        }
        workgroupBarrier();
    }
    // One after another through memory that the subgroup's threads share, so that what is done to a result stands
    // in the program once.
    for (var i = 0u; i < 8u; i++) {
        switch i {
            case 0u: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s00, 16u); }
            case 1u: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s01, 16u); }
            case 2u: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s02, 16u); }
            case 3u: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s03, 16u); }
            case 4u: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s10, 16u); }
            case 5u: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s11, 16u); }
            case 6u: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s12, 16u); }
            default: { subgroupMatrixStore<row_major>(&results, subgroup * 256u, s13, 16u); }
        }
        workgroupBarrier();
        for (var place = lane; place < 256u; place += 32u) {
            let m = row + down + i / 4u * 16u + place / 16u;
            let n = column + across + i % 4u * 16u + place % 16u;
            if m < params.rows && n < params.outputs {
                store(0u, m, n, results[subgroup * 256u + place]);
            }
        }
        workgroupBarrier();
    }
}
