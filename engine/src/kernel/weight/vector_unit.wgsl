// Sixteen bytes of 32-bit floats at a time; the inner length is a multiple of four.

const VECTORS = 1u;
@group(0) @binding(WEIGHT) var<storage, read> weight: array<vec4<f32>>;  // [outputs, inputs / 4]

struct Weights { values: array<vec4<f32>, VECTORS>, scale: f32 }

fn unit(n: u32, u: u32) -> Weights {
    return Weights(array<vec4<f32>, VECTORS>(weight[n * (params.inputs / 4u) + u]), 1.0);
}

fn units() -> u32 {
    return params.inputs / 4u;
}
