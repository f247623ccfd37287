// Layer norm of x, or of x + residual: one workgroup per row, mean first, then the variance around it.
// With `RESIDUAL` 0 the binding of it is not read. A snippet behind says what else becomes of a row:
//   fn keep(row: u32, mean: f32, inverse: f32, thread: u32)

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
var<workgroup> scratch: array<f32, THREADS>;

fn input_at(i: u32) -> f32 {
    if RESIDUAL != 0u {
        return x[i] + residual[i];
    }
    return x[i];
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
    var total = 0.0;
    for (var c = thread; c < params.width; c += THREADS) {
        total += input_at(start + c);
    }
    let mean = sum(total, thread) / f32(params.width);
    total = 0.0;
    for (var c = thread; c < params.width; c += THREADS) {
        let d = input_at(start + c) - mean;
        total += d * d;
    }
    let variance = sum(total, thread) / f32(params.width);
    let inverse = 1.0 / sqrt(variance + params.epsilon);
    for (var c = thread; c < params.width; c += THREADS) {
        out[start + c] = (input_at(start + c) - mean) * inverse * scale[c] + shift[c];
    }
    keep(row, mean, inverse, thread);
}
