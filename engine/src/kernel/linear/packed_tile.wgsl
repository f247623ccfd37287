// out[m, n] = Σ x[m, k] · weight[n, k] with the integer dot product: 256 threads share a tile of 64 rows and
// 128 columns, 4 × 8 results per thread, one block of 32 values of k at a time. The next block is on its way
// from memory while this one is multiplied.

const HEIGHT = 64u;
const WIDTH = 128u;
// The bits of 1.5 · 2^23: an integer added to them is that float plus the integer, without a conversion.
const MAGIC = 0x4b400000;
var<workgroup> tile_x: array<vec4<u32>, 2 * HEIGHT>;       // [half of the block, row]
var<workgroup> tile_w: array<vec4<u32>, 2 * WIDTH>;        // [half of the block, column]
var<workgroup> tile_x_factors: array<vec2<f32>, HEIGHT>;   // scale, scale · Σ codes
var<workgroup> tile_w_factors: array<vec2<f32>, WIDTH>;    // scale, zero

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let size = extent();
    let across = thread % 16u;
    let down = thread / 16u;
    let first_row = group.y * HEIGHT;
    let first_column = group.x * WIDTH;
    // Half of the threads bring weights, a quarter bring x.
    let column = min(first_column + thread % WIDTH, size.y - 1u);
    let row = min(first_row + thread % HEIGHT, size.x - 1u);
    var next_w = Weights();
    var next_x = Input();
    if thread < WIDTH {
        next_w = unit(column, 0u);
    } else if thread < WIDTH + HEIGHT {
        next_x = input(row, 0u);
    }
    var sums = array<vec4<f32>, 8>();
    for (var u = 0u; u < units(); u++) {
        if thread < WIDTH {
            tile_w[thread] = next_w.codes[0];
            tile_w[WIDTH + thread] = next_w.codes[1];
            tile_w_factors[thread] = vec2<f32>(next_w.scale, next_w.zero);
        } else if thread < WIDTH + HEIGHT {
            tile_x[thread % HEIGHT] = next_x.codes[0];
            tile_x[HEIGHT + thread % HEIGHT] = next_x.codes[1];
            tile_x_factors[thread % HEIGHT] = next_x.factors;
        }
        workgroupBarrier();
        if u + 1u < units() {
            if thread < WIDTH {
                next_w = unit(column, u + 1u);
            } else if thread < WIDTH + HEIGHT {
                next_x = input(row, u + 1u);
            }
        }
        let x00 = tile_x[down];
        let x01 = tile_x[HEIGHT + down];
        let x10 = tile_x[down + 16u];
        let x11 = tile_x[HEIGHT + down + 16u];
        let x20 = tile_x[down + 32u];
        let x21 = tile_x[HEIGHT + down + 32u];
        let x30 = tile_x[down + 48u];
        let x31 = tile_x[HEIGHT + down + 48u];
        let f0 = tile_x_factors[down];
        let f1 = tile_x_factors[down + 16u];
        let f2 = tile_x_factors[down + 32u];
        let f3 = tile_x_factors[down + 48u];
        let x_scales = vec4<f32>(f0.x, f1.x, f2.x, f3.x);
        let x_sums = vec4<f32>(f0.y, f1.y, f2.y, f3.y);
        for (var j = 0u; j < 8u; j++) {
            let w0 = tile_w[across + 16u * j];
            let w1 = tile_w[WIDTH + across + 16u * j];
            let f = tile_w_factors[across + 16u * j];
            let dots = vec4<i32>(
                bytes(x00, w0, bytes(x01, w1, MAGIC)),
                bytes(x10, w0, bytes(x11, w1, MAGIC)),
                bytes(x20, w0, bytes(x21, w1, MAGIC)),
                bytes(x30, w0, bytes(x31, w1, MAGIC)),
            );
            sums[j] += f.x * (x_scales * (bitcast<vec4<f32>>(dots) - 12582912.0) - f.y * x_sums);
        }
        workgroupBarrier();
    }
    for (var j = 0u; j < 8u; j++) {
        for (var i = 0u; i < 4u; i++) {
            let m = first_row + down + 16u * i;
            let n = first_column + across + 16u * j;
            if m < size.x && n < size.y {
                store(0u, m, n, sums[j][i]);
            }
        }
    }
}
