// Windows of rows, channel by channel, one value per invocation.

struct Params { count: u32, length: u32, width: u32, steps: u32, size: u32, stride: u32, padding: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [B, length, width]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;  // [B, steps, width · size]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.count {
        return;
    }
    let channel = i / params.size % params.width;
    let line = i / params.size / params.width;
    // A row in front of the first wraps around to a large number.
    let row = line % params.steps * params.stride + i % params.size - params.padding;
    if row < params.length {
        out[i] = x[(line / params.steps * params.length + row) * params.width + channel];
    } else {
        out[i] = 0.0;
    }
}
