// Blocks of one matrix of integers; block.wgsl says what they are.

@group(0) @binding(WEIGHT) var<storage, read> codes: array<vec4<u32>>;  // [outputs, row_words / 4]

fn unit(n: u32, u: u32) -> Weights {
    let group = n * params.row_groups + ((u * 32u) >> params.group_shift);
    var weights = Weights();
    weights.scale = scale(group);
    weights.zero = zero(group);
    if BITS == 4u {
        weights.codes = bytes_of(codes[n * (params.row_words / 4u) + u]);
    } else {
        let first = n * (params.row_words / 4u) + 2u * u;
        weights.codes = array<vec4<u32>, 2>(codes[first], codes[first + 1u]);
    }
    return weights;
}
