// Eight integer weights at a time: as they lie in memory, and as 16-bit floats. An integer below 1024 or'ed into the bits
// of 1024 is that float plus the integer.

@group(0) @binding(WEIGHT) var<storage, read> codes: array<u32>;  // [outputs, row_words]

struct Coded { words: vec2<u32>, scale: f32, zero: f32 }
struct Eight { low: vec4<f16>, high: vec4<f16> }

fn coded(n: u32, k: u32) -> Coded {
    let group = n * params.row_groups + (k >> params.group_shift);
    let at = n * params.row_words + k / (32u / BITS);
    if BITS == 4u {
        return Coded(vec2<u32>(codes[at], 0u), scale(group), zero(group));
    }
    return Coded(vec2<u32>(codes[at], codes[at + 1u]), scale(group), zero(group));
}

// The codes in the lower parts of the first and the third byte.
fn pair(word: u32, less: f16) -> vec2<f16> {
    return bitcast<vec2<f16>>((word & select(0x00ff00ffu, 0x000f000fu, BITS == 4u)) | 0x64006400u) - less;
}

fn four(word: u32, less: f16, by: f16) -> vec4<f16> {
    let even = pair(word, less) * by;
    let odd = pair(word >> 8u, less) * by;
    return vec4<f16>(even.x, odd.x, even.y, odd.y);
}

fn eight(weights: Coded) -> Eight {
    let words = weights.words;
    let by = f16(weights.scale);
    if BITS == 4u {
        let less = f16(1024.0 + weights.zero);
        return Eight(four(words.x, less, by), four(words.x >> 4u, less, by));
    }
    // Signed bytes, moved up by 128.
    let less = f16(1152.0 + weights.zero);
    return Eight(four(words.x ^ 0x80808080u, less, by), four(words.y ^ 0x80808080u, less, by));
}
