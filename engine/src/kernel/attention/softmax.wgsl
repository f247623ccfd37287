// Softmax of each row of scores where the mask is not 0, written over the scores: one workgroup per row.

struct Params { rows: u32, columns: u32, rows_per_batch: u32 }

@group(0) @binding(0) var<storage, read> mask: array<i32>;          // [B, columns]
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;  // [rows, columns]
@group(0) @binding(2) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 64u;
const MASKED = -3.4e38;
var<workgroup> scratch: array<f32, THREADS>;

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
    let start = row * params.columns;
    let mask_start = row / params.rows_per_batch * params.columns;

    var largest = MASKED;
    for (var c = thread; c < params.columns; c += THREADS) {
        largest = max(largest, select(MASKED, scores[start + c], mask[mask_start + c] != 0));
    }
    scratch[thread] = largest;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            scratch[thread] = max(scratch[thread], scratch[thread + half]);
        }
        workgroupBarrier();
    }
    largest = scratch[0];
    workgroupBarrier();

    var sum = 0.0;
    for (var c = thread; c < params.columns; c += THREADS) {
        let share = exp(select(MASKED, scores[start + c], mask[mask_start + c] != 0) - largest);
        scores[start + c] = share;
        sum += share;
    }
    scratch[thread] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            scratch[thread] += scratch[thread + half];
        }
        workgroupBarrier();
    }
    let inverse = 1.0 / scratch[0];
    for (var c = thread; c < params.columns; c += THREADS) {
        scores[start + c] *= inverse;
    }
}
