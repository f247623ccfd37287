// x as 16-bit floats, eight per invocation; rows are padded with zeros to whole blocks of 32. The snippet behind says
// where inputs lie.

struct Params { rows: u32, inputs: u32, blocks: u32 }

const ORDER = 3;
@group(0) @binding(0) var<storage, read> x: array<f32>;                     // [rows, inputs]
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> halves: array<vec4<u32>>;    // [rows, blocks, 4]

// Two neighbours; the largest 16-bit float stands in for what is larger.
fn pair(row: u32, k: u32) -> u32 {
    let first = row * params.inputs;
    let known = vec2<u32>(k, k + 1u) < vec2<u32>(params.inputs);
    let values = select(vec2<f32>(), vec2<f32>(x[first + place(k)], x[first + place(k + 1u)]), known);
    return pack2x16float(clamp(values, vec2<f32>(-65504.0), vec2<f32>(65504.0)));
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.y * groups.x * 256u + id.x;
    let row = index / (4u * params.blocks);
    if row < params.rows {
        let k = index % (4u * params.blocks) * 8u;
        halves[index] = vec4<u32>(pair(row, k), pair(row, k + 2u), pair(row, k + 4u), pair(row, k + 6u));
    }
}
