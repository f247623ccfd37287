// Samples at zero mean and unit variance, padding behind them, one value per invocation.

struct Params { length: u32, width: u32, epsilon: f32, padding: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;            // [clips, width]
@group(0) @binding(1) var<storage, read> lengths: array<i32>;      // [clips]
@group(0) @binding(2) var<storage, read> total: array<vec4<f32>>;  // [clips]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;    // [clips, width]
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let clip = i / params.width;
    let all = total[clip];
    let scale = 1.0 / sqrt(all.z / max(all.x, 1.0) + params.epsilon);
    out[i] = select(params.padding, (x[i] - all.y) * scale, i32(i % params.width) < lengths[clip]);
}
