// Rows of keys into a cache, turned on their way by the angles of their positions, one value per invocation.

struct Params { length: u32, heads: u32, width: u32, rows: u32, count: u32, half: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;            // [B, length, heads · width]
@group(0) @binding(1) var<storage, read> past: array<i32>;         // [1]
@group(0) @binding(2) var<storage, read> positions: array<i32>;    // [B, length]
@group(0) @binding(3) var<storage, read> cosines: array<f32>;      // [P, half]
@group(0) @binding(4) var<storage, read> sines: array<f32>;        // [P, half]
@group(0) @binding(5) var<storage, read_write> cache: array<f32>;  // [B, heads, rows, width]
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.count {
        return;
    }
    let column = i % params.width;
    let place = in_cache(i);
    if place >= 0 {
        cache[place] = turned(x[i], x[u32(i32(i) + partner(column))], column, i / params.width / params.heads);
    }
}
