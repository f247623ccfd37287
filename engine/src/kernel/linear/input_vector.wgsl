// x as vectors, for an inner length that is a multiple of four.

const WEIGHT = 4;
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;  // [rows, inputs / 4]

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    return x[(m * params.inputs + k) / 4u];
}
