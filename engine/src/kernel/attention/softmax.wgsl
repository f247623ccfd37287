// Softmax of each row of scores over the visible columns, written over the scores: one workgroup per row.
// A snippet in front of this body says what padding is:
//   fn padding(row: u32, column: u32) -> bool

struct Params {
    rows: u32,
    columns: u32,
    rows_per_batch: u32,
    queries: u32,
    // Whether query i sees columns up to i + columns - queries only.
    causal: u32,
}

@group(0) @binding(0) var<storage, read_write> scores: array<f32>;  // [rows, columns]
@group(0) @binding(1) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 64u;
const MASKED = -3.4e38;
var<workgroup> scratch: array<f32, THREADS>;

fn score(row: u32, column: u32) -> f32 {
    let later = params.causal != 0u && column + params.queries > row % params.queries + params.columns;
    return select(scores[row * params.columns + column], MASKED, later || padding(row, column));
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
    let start = row * params.columns;

    var largest = MASKED;
    for (var c = thread; c < params.columns; c += THREADS) {
        largest = max(largest, score(row, c));
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
        let share = exp(score(row, c) - largest);
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
