// Weights as 4-bit integers with one f16 scale per group. Rows are padded with zeros to whole groups.

@group(0) @binding(4) var<storage, read> nibbles: array<u32>;  // [outputs, row_words], the first in the lowest bits
@group(0) @binding(5) var<storage, read> scales: array<u32>;   // [outputs · row_groups / 2], two f16 each

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    if k >= params.row_words * 8u {
        return vec4<f32>();
    }
    let word = nibbles[n * params.row_words + k / 8u] >> ((k & 4u) << 2u);
    let codes = (vec4<u32>(word) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u);
    let group = n * params.row_groups + (k >> params.group_shift);
    let pair = unpack2x16float(scales[group / 2u]);
    let scale = select(pair.x, pair.y, group % 2u == 1u);
    return (vec4<f32>(codes) - 8.0) * scale;
}
