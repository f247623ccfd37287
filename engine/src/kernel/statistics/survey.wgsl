// Count, mean, sum of squared distances from it and largest value, one workgroup per part of a row.

struct Params { rows: u32, width: u32, parts: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;              // [rows, width]
@group(0) @binding(1) var<storage, read> lengths: array<i32>;        // [rows]
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;  // [rows, parts]
@group(0) @binding(3) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 128u;
const LOWEST = -3.4028234e38;
var<workgroup> scratch: array<vec2<f32>, THREADS>;

// Sum of every thread's x and the largest y, the same on all threads.
fn joined(value: vec2<f32>, thread: u32) -> vec2<f32> {
    scratch[thread] = value;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            let other = scratch[thread + half];
            scratch[thread] = vec2(scratch[thread].x + other.x, max(scratch[thread].y, other.y));
        }
        workgroupBarrier();
    }
    let all = scratch[0];
    workgroupBarrier();
    return all;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group.y * groups.x + group.x;
    if index >= params.rows * params.parts {
        return;
    }
    let row = index / params.parts;
    let part = (params.width + params.parts - 1u) / params.parts;
    let known = min(u32(max(lengths[row], 0)), params.width);
    let begin = min(index % params.parts * part, known);
    let end = min(begin + part, known);
    let start = row * params.width;
    var sums = vec2(0.0, LOWEST);
    for (var i = begin + thread; i < end; i += THREADS) {
        sums = vec2(sums.x + x[start + i], max(sums.y, x[start + i]));
    }
    let all = joined(sums, thread);
    let count = f32(end - begin);
    let mean = all.x / max(count, 1.0);
    var squares = 0.0;
    for (var i = begin + thread; i < end; i += THREADS) {
        let d = x[start + i] - mean;
        squares += d * d;
    }
    let spread = joined(vec2(squares, 0.0), thread).x;
    if thread == 0u {
        out[index] = vec4(count, mean, spread, all.y);
    }
}
