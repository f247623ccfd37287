// Weights as group-wise integers of BITS bits: (code − zero) · scale. weights/integer/layout.rs has the layout.

@group(0) @binding(WEIGHT) var<storage, read> codes: array<u32>;  // [outputs, row_words]

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let group = n * params.row_groups + (k >> params.group_shift);
    let word = codes[n * params.row_words + k / (32u / BITS)];
    var values = vec4<f32>();
    if BITS == 4u {
        values = vec4<f32>((vec4<u32>(word) >> (vec4<u32>(0u, 8u, 16u, 24u) + (k & 4u))) & vec4<u32>(15u));
    } else {
        values = vec4<f32>(vec4<i32>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
    }
    return (values - zero(group)) * scale(group);
}
