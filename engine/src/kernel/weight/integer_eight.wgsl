// Eight integer weights at a time, as 16-bit floats. An integer below 1024 or'ed into the bits of 1024 is that float
// plus the integer.

@group(0) @binding(WEIGHT) var<storage, read> codes: array<u32>;  // [outputs, row_words]

struct Eight { low: vec4<f16>, high: vec4<f16> }

// The codes that lie in the lower halves of the pairs of bytes.
fn pair(word: u32, less: f16) -> vec2<f16> {
    return bitcast<vec2<f16>>((word & select(0x00ff00ffu, 0x000f000fu, BITS == 4u)) | 0x64006400u) - less;
}

fn four(word: u32, less: f16, by: f16) -> vec4<f16> {
    let even = pair(word, less) * by;
    let odd = pair(word >> 8u, less) * by;
    return vec4<f16>(even.x, odd.x, even.y, odd.y);
}

fn eight(n: u32, k: u32) -> Eight {
    let group = n * params.row_groups + (k >> params.group_shift);
    let by = f16(scale(group));
    let at = n * params.row_words + k / (32u / BITS);
    if BITS == 4u {
        let less = f16(1024.0 + zero(group));
        return Eight(four(codes[at], less, by), four(codes[at] >> 4u, less, by));
    }
    // Signed bytes, moved up by 128.
    let less = f16(1152.0 + zero(group));
    return Eight(four(codes[at] ^ 0x80808080u, less, by), four(codes[at + 1u] ^ 0x80808080u, less, by));
}
