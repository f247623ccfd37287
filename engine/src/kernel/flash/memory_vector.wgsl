// Keys and values as floats, of heads whose width is a multiple of four.

@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;

// Values 4 · part … of the row that starts at word `start`.
fn key_at(start: u32, part: u32) -> vec4<f32> {
    return keys[start / 4u + part];
}

fn value_at(start: u32, part: u32) -> vec4<f32> {
    return values[start / 4u + part];
}
