// Cubic interpolation along rows with aligned corners, one value per invocation.

struct Params { length: u32, rows: u32, to: u32, width: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [batch, rows, width]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;  // [batch, to, width]
@group(0) @binding(2) var<uniform> params: Params;

fn near(t: f32) -> f32 {
    return (1.25 * t - 2.25) * t * t + 1.0;
}

fn far(t: f32) -> f32 {
    return ((-0.75 * t + 3.75) * t - 6.0) * t + 3.0;
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let row = i / params.width % params.to;
    let first = i / params.width / params.to * params.rows * params.width + i % params.width;
    let place = row * (params.rows - 1u);
    let steps = max(params.to - 1u, 1u);
    let whole = place / steps;
    let t = f32(place % steps) / f32(steps);
    let last = params.rows - 1u;
    out[i] = far(t + 1.0) * x[first + (max(whole, 1u) - 1u) * params.width]
        + near(t) * x[first + whole * params.width]
        + near(1.0 - t) * x[first + min(whole + 1u, last) * params.width]
        + far(2.0 - t) * x[first + min(whole + 2u, last) * params.width];
}
