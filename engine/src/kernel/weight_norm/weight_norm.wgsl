// Every tap of a window with its length: one workgroup per tap.

struct Params { lines: u32, taps: u32 }

@group(0) @binding(0) var<storage, read> directions: array<f32>;  // [lines, taps]
@group(0) @binding(1) var<storage, read> lengths: array<f32>;     // [taps]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;   // [lines, taps]
@group(0) @binding(3) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 128u;
var<workgroup> scratch: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let tap = group.y * groups.x + group.x;
    if tap >= params.taps {
        return;
    }
    var sum = 0.0;
    for (var line = thread; line < params.lines; line += THREADS) {
        let value = directions[line * params.taps + tap];
        sum += value * value;
    }
    scratch[thread] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            scratch[thread] += scratch[thread + half];
        }
        workgroupBarrier();
    }
    let factor = lengths[tap] / sqrt(scratch[0]);
    for (var line = thread; line < params.lines; line += THREADS) {
        out[line * params.taps + tap] = directions[line * params.taps + tap] * factor;
    }
}
