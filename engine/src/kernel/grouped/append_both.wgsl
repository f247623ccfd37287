// Keys and values of a pass into their caches in one dispatch, one value of each per invocation.

struct Params { length: u32, heads: u32, width: u32, rows: u32, count: u32 }

@group(0) @binding(0) var<storage, read> key: array<f32>;                // [B, length, heads · width]
@group(0) @binding(1) var<storage, read> value: array<f32>;              // [B, length, heads · width]
@group(0) @binding(2) var<storage, read> past: array<i32>;               // [1]
@group(0) @binding(3) var<storage, read_write> key_cache: array<f32>;    // [B, heads, rows, width]
@group(0) @binding(4) var<storage, read_write> value_cache: array<f32>;  // [B, heads, rows, width]
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.count {
        return;
    }
    let place = in_cache(i);
    if place >= 0 {
        key_cache[place] = key[i];
        value_cache[place] = value[i];
    }
}
