// Batch norm with known statistics, the residual and the activation: one value per invocation.
// With `RESIDUAL` 0 the sixth binding is not read.

override RESIDUAL: u32 = 0u;

struct Params { length: u32, channels: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [length / channels, channels]
@group(0) @binding(1) var<storage, read> mean: array<f32>;       // [channels]
@group(0) @binding(2) var<storage, read> variance: array<f32>;   // [channels]
@group(0) @binding(3) var<storage, read> scale: array<f32>;      // [channels]
@group(0) @binding(4) var<storage, read> shift: array<f32>;      // [channels]
@group(0) @binding(5) var<storage, read> residual: array<f32>;   // [length / channels, channels]
@group(0) @binding(6) var<storage, read_write> out: array<f32>;  // [length / channels, channels]
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let c = i % params.channels;
    var y = (x[i] - mean[c]) * (scale[c] / sqrt(variance[c] + params.epsilon)) + shift[c];
    if RESIDUAL != 0u {
        y += residual[i];
    }
    out[i] = activate(y);
}
