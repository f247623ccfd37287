// What a pass brings to attention over a cache, in one dispatch: queries are turned by the angles of their positions,
// keys are turned and put into their cache, values are put into theirs. One value per invocation: first those of all
// queries, then of all keys, then of all values.

struct Params {
    // Values of all queries, and of all keys.
    queries: u32,
    keys: u32,
    // Rows of a sequence.
    length: u32,
    // Of a row of queries.
    query_width: u32,
    // Heads of the caches, and width of a head.
    heads: u32,
    width: u32,
    // Rows of the caches.
    rows: u32,
    half: u32,
}

@group(0) @binding(0) var<storage, read> query: array<f32>;              // [B, length, query_width]
@group(0) @binding(1) var<storage, read> key: array<f32>;                // [B, length, heads · width]
@group(0) @binding(2) var<storage, read> value: array<f32>;              // [B, length, heads · width]
@group(0) @binding(3) var<storage, read> past: array<i32>;               // [1]
@group(0) @binding(4) var<storage, read> positions: array<i32>;          // [B, length]
@group(0) @binding(5) var<storage, read> cosines: array<f32>;            // [P, half]
@group(0) @binding(6) var<storage, read> sines: array<f32>;              // [P, half]
@group(0) @binding(7) var<storage, read_write> out: array<f32>;          // [B, length, query_width]
@group(0) @binding(8) var<storage, read_write> key_cache: array<f32>;    // [B, heads, rows, width]
@group(0) @binding(9) var<storage, read_write> value_cache: array<f32>;  // [B, heads, rows, width]
@group(0) @binding(10) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    var i = id.y * groups.x * 256u + id.x;
    if i < params.queries {
        let column = i % params.width;
        out[i] = turned(query[i], query[u32(i32(i) + partner(column))], column, i / params.query_width);
        return;
    }
    i -= params.queries;
    let is_value = i >= params.keys;
    i -= select(0u, params.keys, is_value);
    if i >= params.keys {
        return;
    }
    let column = i % params.width;
    let place = in_cache(i);
    if place < 0 {
        return;
    }
    if is_value {
        value_cache[place] = value[i];
    } else {
        key_cache[place] = turned(key[i], key[u32(i32(i) + partner(column))], column, i / params.width / params.heads);
    }
}
