// Weights as vectors of 32-bit floats, for an inner length that is a multiple of four.

@group(0) @binding(WEIGHT) var<storage, read> weight: array<vec4<f32>>;  // [outputs, inputs / 4]

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    return weight[(n * params.inputs + k) / 4u];
}
