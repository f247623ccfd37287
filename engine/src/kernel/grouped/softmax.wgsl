// Softmax of each row of scores over the keys its query sees, written over the scores: one workgroup per
// row. With `BIASED` 0 the bias is not read.

struct Params { rows: u32, length: u32, heads: u32, keys: u32, causal: u32, limit: i32 }

@group(0) @binding(0) var<storage, read> mask: array<i32>;          // [B, keys]
@group(0) @binding(1) var<storage, read> past: array<i32>;          // [1]
@group(0) @binding(2) var<storage, read> bias: array<f32>;          // [2 · limit + 1, heads]
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;  // [rows, keys]
@group(0) @binding(4) var<uniform> params: Params;

override BIASED: u32 = 0u;
// A power of two.
override THREADS: u32 = 64u;
const MASKED = -3.4e38;
var<workgroup> scratch: array<f32, THREADS>;

fn score(row: u32, key: u32) -> f32 {
    let head = row / params.length % params.heads;
    if mask[row / params.length / params.heads * params.keys + key] == 0 {
        return MASKED;
    }
    var value = scores[row * params.keys + key];
    if BIASED != 0u {
        let distance = i32(key) - past[0] - i32(row % params.length);
        let line = u32(clamp(distance, -params.limit, params.limit) + params.limit);
        value += bias[line * params.heads + head];
    }
    return value;
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
    let start = row * params.keys;
    let seen = u32(past[0]) + row % params.length + 1u;
    let reach = select(params.keys, min(params.keys, seen), params.causal != 0u);

    var largest = MASKED;
    for (var c = thread; c < reach; c += THREADS) {
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
    for (var c = thread; c < reach; c += THREADS) {
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
    for (var c = thread; c < params.keys; c += THREADS) {
        scores[start + c] = select(0.0, scores[start + c] * inverse, c < reach);
    }
}
