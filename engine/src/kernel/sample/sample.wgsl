// An id of every row, drawn from the likeliest: one workgroup per row. Which logits count is found bit by
// bit, in a number that is larger for larger floats: first how many, then how likely they are together.

struct Params { rows: u32, width: u32, top_k: u32, top_p: f32, temperature: f32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;     // [rows, width]
@group(0) @binding(1) var<storage, read> draws: array<f32>;      // [rows], from 0 to 1
@group(0) @binding(2) var<storage, read_write> out: array<u32>;  // [rows]
@group(0) @binding(3) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 128u;
// Logits of a thread that are on their way at once.
const BESIDE = 8u;
var<workgroup> scratch: array<f32, THREADS>;

fn order(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

// Sum of every thread's `value`, the same on all threads.
fn total(value: f32, thread: u32) -> f32 {
    scratch[thread] = value;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            scratch[thread] += scratch[thread + half];
        }
        workgroupBarrier();
    }
    let sum = scratch[0];
    workgroupBarrier();
    return sum;
}

// What those weigh that count of the logits from `first` to `end`.
fn part(first: u32, end: u32, least: u32, largest: f32) -> f32 {
    var sum = 0.0;
    for (var i = first; i < end; i++) {
        let value = logits[i];
        if order(value) >= least {
            sum += exp((value - largest) / params.temperature);
        }
    }
    return sum;
}

// The logits of a thread at and behind `c`, of which every THREADS-th is its own: neighbours read side by side.
fn some(start: u32, c: u32) -> array<f32, BESIDE> {
    var found = array<f32, BESIDE>();
    for (var i = 0u; i < BESIDE; i++) {
        found[i] = logits[start + min(c + i * THREADS, params.width - 1u)];
    }
    return found;
}

// How many logits of a row count, or their weight.
fn whole(start: u32, least: u32, largest: f32, weighed: bool, thread: u32) -> f32 {
    var sum = 0.0;
    for (var c = thread; c < params.width; c += BESIDE * THREADS) {
        let found = some(start, c);
        for (var i = 0u; i < BESIDE; i++) {
            if c + i * THREADS < params.width && order(found[i]) >= least {
                sum += select(1.0, exp((found[i] - largest) / params.temperature), weighed);
            }
        }
    }
    return total(sum, thread);
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
    let share = (params.width + THREADS - 1u) / THREADS;
    let first = start + min(params.width, thread * share);
    let end = start + min(params.width, (thread + 1u) * share);

    var largest = -3.4e38;
    for (var c = thread; c < params.width; c += BESIDE * THREADS) {
        let found = some(start, c);
        for (var i = 0u; i < BESIDE; i++) {
            largest = max(largest, found[i]);
        }
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

    var least = 0u;
    if params.top_k > 0u && params.top_k < params.width {
        for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
            if whole(start, least | bit, largest, false, thread) >= f32(params.top_k) {
                least |= bit;
            }
        }
    }
    if params.top_p < 1.0 {
        let enough = params.top_p * whole(start, least, largest, true, thread);
        var other = 0u;
        for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
            let mass = whole(start, max(other | bit, least), largest, true, thread);
            if (other | bit) < least || mass >= enough {
                other |= bit;
            }
        }
        least = max(least, other);
    }

    scratch[thread] = part(first, end, least, largest);
    workgroupBarrier();
    if thread > 0u {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < THREADS; i++) {
        sum += scratch[i];
    }
    // The part in which the sum passes the draw, then the id; the last that counts if rounding hides both.
    let target_sum = draws[row] * sum;
    var passed = 0.0;
    var chosen = 0u;
    var begin = 0u;
    for (var i = 0u; i < THREADS; i++) {
        begin = i * share;
        if passed + scratch[i] > target_sum {
            break;
        }
        passed += scratch[i];
    }
    for (var c = begin; c < params.width; c++) {
        let value = logits[start + c];
        if order(value) >= least {
            chosen = c;
            passed += exp((value - largest) / params.temperature);
            if passed > target_sum {
                break;
            }
        }
    }
    out[row] = chosen;
}
