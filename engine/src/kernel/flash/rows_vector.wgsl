// Queries and results of heads whose width is a multiple of four, read and written as vectors.

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;     // [B, length, heads · width]
@group(0) @binding(7) var<storage, read_write> out: array<vec4<f32>>;   // [B, length, heads · width], or parts

// Values 4 · part … of the row that starts at `start`.
fn query_at(start: u32, part: u32) -> vec4<f32> {
    return queries[start / 4u + part];
}

fn store(start: u32, part: u32, value: vec4<f32>) {
    out[start / 4u + part] = value;
}

// Four values of a part of a result, counted in vectors.
fn store_part(at: u32, value: vec4<f32>) {
    out[at] = value;
}
