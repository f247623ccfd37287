// The mean of every sequence where the mask is not 0, one column per invocation.

struct Params { batch: u32, length: u32, width: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [batch, length, width]
@group(0) @binding(1) var<storage, read> mask: array<i32>;       // [batch, length]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [batch, width]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.batch * params.width {
        return;
    }
    let first = i / params.width * params.length;
    var sum = 0.0;
    var count = 0.0;
    for (var row = first; row < first + params.length; row++) {
        if mask[row] != 0 {
            sum += x[row * params.width + i % params.width];
            count += 1.0;
        }
    }
    out[i] = sum / max(count, 1e-9);
}
