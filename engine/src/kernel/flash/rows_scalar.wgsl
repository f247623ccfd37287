// Queries and results of heads of any width; behind a row's end there are zeros.

@group(0) @binding(0) var<storage, read> queries: array<f32>;     // [B, length, heads · width]
@group(0) @binding(7) var<storage, read_write> out: array<f32>;   // [B, length, heads · width], or parts

// Values 4 · part … of the row that starts at `start`.
fn query_at(start: u32, part: u32) -> vec4<f32> {
    var v = vec4<f32>();
    for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
        v[c] = queries[start + 4u * part + c];
    }
    return v;
}

fn store(start: u32, part: u32, value: vec4<f32>) {
    for (var c = 0u; c < min(4u, params.width - 4u * part); c++) {
        out[start + 4u * part + c] = value[c];
    }
}

// Four values of a part of a result, counted in vectors.
fn store_part(at: u32, value: vec4<f32>) {
    for (var c = 0u; c < 4u; c++) {
        out[4u * at + c] = value[c];
    }
}
