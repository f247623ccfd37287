// Blocks of matrices of integers without zero points, each below the one before; block.wgsl says what they are.
// scale.wgsl binds the scales of the first.

@group(0) @binding(WEIGHT) var<storage, read> codes: array<vec4<u32>>;             // [second, row_words / 4]
@group(0) @binding(WEIGHT + 2) var<storage, read> second_codes: array<vec4<u32>>;  // the same of the others
@group(0) @binding(WEIGHT + 3) var<storage, read> second_scales: array<u32>;

fn unit(n: u32, u: u32) -> Weights {
    let row = n - select(select(params.third, params.second, n < params.third), 0u, n < params.second);
    let group = row * params.row_groups + ((u * 32u) >> params.group_shift);
    let first = row * (params.row_words / 4u) + u * (BITS / 4u);
    var pair = 0u;
    var words = array<vec4<u32>, 2>();
    if n < params.second {
        pair = scales[group / 2u];
        words[0] = codes[first];
        if BITS == 8u {
            words[1] = codes[first + 1u];
        }
    } else if n < params.third {
        pair = second_scales[group / 2u];
        words[0] = second_codes[first];
        if BITS == 8u {
            words[1] = second_codes[first + 1u];
        }
    } else {
        pair = third_pair(group / 2u);
        words[0] = third_words(first);
        if BITS == 8u {
            words[1] = third_words(first + 1u);
        }
    }
    var weights = Weights();
    weights.scale = scale_of(pair, group);
    weights.zero = zero(group);
    weights.codes = words;
    if BITS == 4u {
        weights.codes = bytes_of(words[0]);
    }
    return weights;
}
