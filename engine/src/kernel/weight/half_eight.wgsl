// Eight 16-bit floats at a time.

@group(0) @binding(WEIGHT) var<storage, read> halves: array<vec4<u32>>;  // [outputs, row_words / 4]

struct Eight { low: vec4<f16>, high: vec4<f16> }

fn eight(n: u32, k: u32) -> Eight {
    if k >= params.inputs {
        return Eight();
    }
    let words = halves[n * (params.row_words / 4u) + k / 8u];
    return Eight(bitcast<vec4<f16>>(words.xy), bitcast<vec4<f16>>(words.zw));
}
