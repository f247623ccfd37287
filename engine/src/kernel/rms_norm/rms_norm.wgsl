// RMS norm: one workgroup per row. A snippet behind says what becomes of its normal values:
//   fn keep(row: u32, thread: u32)

struct Params { rows: u32, width: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [rows, width]
@group(0) @binding(1) var<storage, read> scale: array<f32>;      // [width]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [rows, width]
@group(0) @binding(3) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 128u;
// Values of a thread that are on their way at once. Where a row may end among them, they come one by one.
const TOGETHER = 8u;
var<workgroup> scratch: array<f32, THREADS>;
// Where codes go if a row is packed.
const CODES = 4;

var<private> inverse: f32 = 0.0;

// Column k of a normal row.
fn number(row: u32, k: u32) -> f32 {
    return x[row * params.width + k] * inverse * scale[k];
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.y * groups.x + group.x;
    if row >= params.rows {
        return;
    }
    let start = row * params.width;
    var sum = 0.0;
    var c = thread;
    for (; c + (TOGETHER - 1u) * THREADS < params.width; c += TOGETHER * THREADS) {
        for (var i = 0u; i < TOGETHER; i++) {
            let value = x[start + c + i * THREADS];
            sum += value * value;
        }
    }
    for (; c < params.width; c += THREADS) {
        sum += x[start + c] * x[start + c];
    }
    scratch[thread] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            scratch[thread] += scratch[thread + half];
        }
        workgroupBarrier();
    }
    inverse = 1.0 / sqrt(scratch[0] / f32(params.width) + params.epsilon);
    keep(row, thread);
}
