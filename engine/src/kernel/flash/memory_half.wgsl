// Keys and values as 16-bit floats, two to a word; behind a row's end there are zeros.

@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> values: array<u32>;

// The second word of a row's last part, where there is one.
fn second(start: u32, part: u32) -> u32 {
    return select(start + 2u * part, start + 2u * part + 1u, 4u * part + 2u < params.width);
}

fn known(v: vec4<f32>, part: u32) -> vec4<f32> {
    return select(vec4<f32>(), v, vec4<u32>(0u, 1u, 2u, 3u) + 4u * part < vec4<u32>(params.width));
}

// Values 4 · part … of the row that starts at word `start`.
fn key_at(start: u32, part: u32) -> vec4<f32> {
    let words = vec2<u32>(keys[start + 2u * part], keys[second(start, part)]);
    return known(vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)), part);
}

fn value_at(start: u32, part: u32) -> vec4<f32> {
    let words = vec2<u32>(values[start + 2u * part], values[second(start, part)]);
    return known(vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)), part);
}
