// Rows between two rows, one value per invocation.

struct Params { length: u32, rows: u32, blends: u32, width: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;          // [clips, rows, width]
@group(0) @binding(1) var<storage, read> pairs: array<vec2<i32>>;  // [clips, blends]
@group(0) @binding(2) var<storage, read> shares: array<f32>;     // [clips, blends]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;  // [clips, blends, width]
@group(0) @binding(4) var<uniform> params: Params;

fn value(clip: u32, row: i32, column: u32) -> f32 {
    return x[(clip * params.rows + min(u32(row), params.rows - 1u)) * params.width + column];
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.length {
        return;
    }
    let blend = i / params.width;
    let clip = blend / params.blends;
    let column = i % params.width;
    let share = shares[blend];
    out[i] = value(clip, pairs[blend].x, column) * (1.0 - share) + value(clip, pairs[blend].y, column) * share;
}
