// Weights as 16-bit floats, two to a word.

@group(0) @binding(WEIGHT) var<storage, read> halves: array<u32>;  // [outputs, row_words]

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let i = n * params.row_words + k / 2u;
    return vec4<f32>(unpack2x16float(halves[i]), unpack2x16float(halves[i + 1u]));
}
