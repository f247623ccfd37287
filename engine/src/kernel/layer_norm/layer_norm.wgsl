// Layer norm of x, or of x + residual: one workgroup per row, mean first, then the variance around it.
// With `RESIDUAL` 0 the binding of it is not read. A snippet behind says what becomes of normal values:
//   fn keep(row: u32, thread: u32)

override RESIDUAL: u32 = 0u;

struct Params { rows: u32, width: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [rows, width]
@group(0) @binding(1) var<storage, read> scale: array<f32>;      // [width]
@group(0) @binding(2) var<storage, read> shift: array<f32>;      // [width]
@group(0) @binding(3) var<storage, read> residual: array<f32>;   // [rows, width]
@group(0) @binding(4) var<storage, read_write> out: array<f32>;  // [rows, width]
@group(0) @binding(5) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 128u;
// Values of a thread that are on their way at once. Where a row may end among them, they come one by one.
const TOGETHER = 8u;
var<workgroup> scratch: array<f32, THREADS>;
// Where codes go if a row is packed.
const CODES = 6;

var<private> mean: f32 = 0.0;
var<private> inverse: f32 = 0.0;

fn input_at(i: u32) -> f32 {
    if RESIDUAL != 0u {
        return x[i] + residual[i];
    }
    return x[i];
}

// Column k of a normal row.
fn number(row: u32, k: u32) -> f32 {
    return (input_at(row * params.width + k) - mean) * inverse * scale[k] + shift[k];
}

// Sum of a thread's values less `middle`, or of their squares.
fn sum_of(start: u32, middle: f32, squares: bool, thread: u32) -> f32 {
    var total = 0.0;
    var c = thread;
    for (; c + (TOGETHER - 1u) * THREADS < params.width; c += TOGETHER * THREADS) {
        for (var i = 0u; i < TOGETHER; i++) {
            let d = input_at(start + c + i * THREADS) - middle;
            total += select(d, d * d, squares);
        }
    }
    for (; c < params.width; c += THREADS) {
        let d = input_at(start + c) - middle;
        total += select(d, d * d, squares);
    }
    return total;
}

// Sum of every thread's `value`, the same on all threads.
fn sum(value: f32, thread: u32) -> f32 {
    scratch[thread] = value;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            scratch[thread] += scratch[thread + half];
        }
        workgroupBarrier();
    }
    let total = scratch[0];
    workgroupBarrier();
    return total;
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
    mean = sum(sum_of(start, 0.0, false, thread), thread) / f32(params.width);
    let variance = sum(sum_of(start, mean, true, thread), thread) / f32(params.width);
    inverse = 1.0 / sqrt(variance + params.epsilon);
    keep(row, thread);
}
