// The id of the largest of every row, the first of equals: one workgroup per row.

struct Params { rows: u32, width: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;     // [rows, width]
@group(0) @binding(1) var<storage, read_write> out: array<u32>;  // [rows]
@group(0) @binding(2) var<uniform> params: Params;

// A power of two.
override THREADS: u32 = 128u;
const BESIDE = 8u;
var<workgroup> values: array<f32, THREADS>;
var<workgroup> ids: array<u32, THREADS>;

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
    var largest = -3.4e38;
    var id = 0u;
    // One workgroup reads a whole vocabulary: several values have to be on their way at once.
    for (var first = thread; first < params.width; first += BESIDE * THREADS) {
        var found = array<f32, BESIDE>();
        for (var i = 0u; i < BESIDE; i++) {
            found[i] = logits[row * params.width + min(first + i * THREADS, params.width - 1u)];
        }
        for (var i = 0u; i < BESIDE; i++) {
            let c = first + i * THREADS;
            if found[i] > largest && c < params.width {
                largest = found[i];
                id = c;
            }
        }
    }
    values[thread] = largest;
    ids[thread] = id;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if thread < half {
            let other = values[thread + half];
            let better = other > values[thread] || (other == values[thread] && ids[thread + half] < ids[thread]);
            if better {
                values[thread] = other;
                ids[thread] = ids[thread + half];
            }
        }
        workgroupBarrier();
    }
    if thread == 0u {
        out[row] = ids[0];
    }
}
