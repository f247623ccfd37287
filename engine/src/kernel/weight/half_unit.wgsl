// Sixteen bytes of 16-bit floats at a time.

const VECTORS = 2u;
@group(0) @binding(WEIGHT) var<storage, read> halves: array<vec4<u32>>;  // [outputs, row_words / 4]

struct Weights { values: array<vec4<f32>, VECTORS>, scale: f32 }

fn unit(n: u32, u: u32) -> Weights {
    let words = halves[n * (params.row_words / 4u) + u];
    let first = vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
    let second = vec4<f32>(unpack2x16float(words.z), unpack2x16float(words.w));
    return Weights(array<vec4<f32>, VECTORS>(first, second), 1.0);
}

fn units() -> u32 {
    return params.row_words / 4u;
}
