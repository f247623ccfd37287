// Keys and values as 16-bit floats, four to a load: the head's width is a multiple of four.

@group(0) @binding(1) var<storage, read> keys: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> values: array<vec2<u32>>;

// Values 4 · part … of the row that starts at word `start`.
fn key_at(start: u32, part: u32) -> vec4<f32> {
    let words = keys[start / 2u + part];
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}

fn value_at(start: u32, part: u32) -> vec4<f32> {
    let words = values[start / 2u + part];
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
