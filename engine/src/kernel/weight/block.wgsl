// A block of 32 integer weights as signed bytes: Σ (code − zero) · scale · x with the integer dot product.

struct Weights { codes: array<vec4<u32>, 2>, scale: f32, zero: f32 }

// Codes of four bits, as bytes.
fn bytes_of(words: vec4<u32>) -> array<vec4<u32>, 2> {
    let low = words & vec4<u32>(0x0f0f0f0fu);
    let high = (words >> vec4<u32>(4u)) & vec4<u32>(0x0f0f0f0fu);
    return array<vec4<u32>, 2>(vec4<u32>(low.x, high.x, low.y, high.y), vec4<u32>(low.z, high.z, low.w, high.w));
}

fn units() -> u32 {
    return params.row_words / BITS;
}
