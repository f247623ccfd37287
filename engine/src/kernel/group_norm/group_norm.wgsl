// Group norm, then the activation: one workgroup per group of channels, mean first, then the variance around it.

struct Params { batch: u32, positions: u32, channels: u32, groups: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [batch, positions, channels]
@group(0) @binding(1) var<storage, read> scale: array<f32>;      // [channels]
@group(0) @binding(2) var<storage, read> shift: array<f32>;      // [channels]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;  // [batch, positions, channels]
@group(0) @binding(4) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 128u;
var<workgroup> scratch: array<f32, THREADS>;

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
    if row >= params.batch * params.groups {
        return;
    }
    let width = params.channels / params.groups;
    let channel = row % params.groups * width;
    let start = row / params.groups * params.positions * params.channels + channel;
    let count = params.positions * width;
    var total = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        total += x[start + i / width * params.channels + i % width];
    }
    let mean = sum(total, thread) / f32(count);
    total = 0.0;
    for (var i = thread; i < count; i += THREADS) {
        let d = x[start + i / width * params.channels + i % width] - mean;
        total += d * d;
    }
    let inverse = 1.0 / sqrt(sum(total, thread) / f32(count) + params.epsilon);
    for (var i = thread; i < count; i += THREADS) {
        let place = start + i / width * params.channels + i % width;
        let c = channel + i % width;
        out[place] = activate((x[place] - mean) * inverse * scale[c] + shift[c]);
    }
}
