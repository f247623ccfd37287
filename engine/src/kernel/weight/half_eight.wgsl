// Eight 16-bit floats at a time: as they lie in memory, and as such.

@group(0) @binding(WEIGHT) var<storage, read> halves: array<vec4<u32>>;  // [outputs, row_words / 4]

struct Coded { words: vec4<u32> }
struct Eight { low: vec4<f16>, high: vec4<f16> }

fn coded(n: u32, k: u32) -> Coded {
    // Behind a row's end the next one begins.
    if k >= params.inputs {
        return Coded();
    }
    return Coded(halves[n * (params.row_words / 4u) + k / 8u]);
}

fn eight(weights: Coded) -> Eight {
    return Eight(bitcast<vec4<f16>>(weights.words.xy), bitcast<vec4<f16>>(weights.words.zw));
}
