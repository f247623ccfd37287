// A block of 32 integer weights as signed bytes: Σ (code − zero) · scale · x with the integer dot product.

@group(0) @binding(WEIGHT) var<storage, read> codes: array<vec4<u32>>;  // [outputs, row_words / 4]

struct Weights { codes: array<vec4<u32>, 2>, scale: f32, zero: f32 }

fn unit(n: u32, u: u32) -> Weights {
    let group = n * params.row_groups + ((u * 32u) >> params.group_shift);
    var weights = Weights();
    weights.scale = scale(group);
    weights.zero = zero(group);
    if BITS == 4u {
        let words = codes[n * (params.row_words / 4u) + u];
        let low = words & vec4<u32>(0x0f0f0f0fu);
        let high = (words >> vec4<u32>(4u)) & vec4<u32>(0x0f0f0f0fu);
        weights.codes = array<vec4<u32>, 2>(vec4<u32>(low.x, high.x, low.y, high.y), vec4<u32>(low.z, high.z, low.w, high.w));
    } else {
        let first = n * (params.row_words / 4u) + 2u * u;
        weights.codes = array<vec4<u32>, 2>(codes[first], codes[first + 1u]);
    }
    return weights;
}

fn units() -> u32 {
    return params.row_words / BITS;
}
