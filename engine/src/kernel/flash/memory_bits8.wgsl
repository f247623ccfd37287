// Keys and values in 8-bit steps: a word of step and least value, then four steps a word. Behind a row's end there
// is anything; queries have zeros there, and results are not written.

@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> values: array<u32>;

fn steps(header: u32, word: u32) -> vec4<f32> {
    let counts = vec4<u32>(word, word >> 8u, word >> 16u, word >> 24u) & vec4<u32>(255u);
    let scale = unpack2x16float(header);
    return vec4<f32>(counts) * scale.x + scale.y;
}

// Values 4 · part … of the row that starts at word `start`.
fn key_at(start: u32, part: u32) -> vec4<f32> {
    return steps(keys[start], keys[start + 1u + part]);
}

fn value_at(start: u32, part: u32) -> vec4<f32> {
    return steps(values[start], values[start + 1u + part]);
}
