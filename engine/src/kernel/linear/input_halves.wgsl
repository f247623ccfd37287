// x as 16-bit floats, which halve.wgsl made: rows of whole blocks of 32, with zeros behind the inner length.

const WEIGHT = 4;
@group(0) @binding(0) var<storage, read> x: array<vec2<u32>>;  // [rows, blocks, 8]

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let words = x[m * ((params.inputs + 31u) / 32u * 8u) + k / 4u];
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
