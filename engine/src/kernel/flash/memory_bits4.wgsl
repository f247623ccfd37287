// Keys and values in 4-bit steps: a word of step and least value, then eight steps a word. Behind a row's end there
// is anything; queries have zeros there, and results are not written.

@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> values: array<u32>;

fn steps(header: u32, word: u32, part: u32) -> vec4<f32> {
    let half = word >> (16u * (part % 2u));
    let counts = vec4<u32>(half, half >> 4u, half >> 8u, half >> 12u) & vec4<u32>(15u);
    let scale = unpack2x16float(header);
    return vec4<f32>(counts) * scale.x + scale.y;
}

// Values 4 · part … of the row that starts at word `start`.
fn key_at(start: u32, part: u32) -> vec4<f32> {
    return steps(keys[start], keys[start + 1u + part / 2u], part);
}

fn value_at(start: u32, part: u32) -> vec4<f32> {
    return steps(values[start], values[start + 1u + part / 2u], part);
}
