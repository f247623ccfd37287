// Keys and values as floats, of heads of any width; behind a row's end there are zeros.

@group(0) @binding(1) var<storage, read> keys: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;

// Values 4 · part … of the row that starts at word `start`.
fn key_at(start: u32, part: u32) -> vec4<f32> {
    var v = vec4<f32>();
    for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
        v[c] = keys[start + 4u * part + c];
    }
    return v;
}

fn value_at(start: u32, part: u32) -> vec4<f32> {
    var v = vec4<f32>();
    for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
        v[c] = values[start + 4u * part + c];
    }
    return v;
}
