// Sixteen bytes of integer weights at a time, as floats.

const VECTORS = 32u / BITS;
@group(0) @binding(WEIGHT) var<storage, read> codes: array<vec4<u32>>;  // [outputs, row_words / 4]

struct Weights { values: array<vec4<f32>, VECTORS>, scale: f32 }

// Bytes as floats. An integer below 2^23 or'ed into the bits of 2^23 is that float plus the integer, which
// takes two cheap instructions where a conversion takes a slow one; `less` has the 2^23 in it.
fn bytes(word: u32, less: f32) -> vec4<f32> {
    let bits = ((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(select(255u, 15u, BITS == 4u))) | vec4<u32>(0x4b000000u);
    return bitcast<vec4<f32>>(bits) - less;
}

fn unit(n: u32, u: u32) -> Weights {
    let group = n * params.row_groups + ((u * 4u * VECTORS) >> params.group_shift);
    let words = codes[n * (params.row_words / 4u) + u];
    var weights = Weights();
    weights.scale = scale(group);
    if BITS == 4u {
        let less = 8388608.0 + zero(group);
        for (var i = 0u; i < 4u; i++) {
            weights.values[2u * i] = bytes(words[i], less);
            weights.values[2u * i + 1u] = bytes(words[i] >> 4u, less);
        }
    } else {
        // Signed bytes, moved up by 128.
        let less = 8388736.0 + zero(group);
        for (var i = 0u; i < 4u; i++) {
            weights.values[i] = bytes(words[i] ^ 0x80808080u, less);
        }
    }
    return weights;
}

fn units() -> u32 {
    return params.row_words / 4u;
}
