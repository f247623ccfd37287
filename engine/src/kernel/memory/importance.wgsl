// How much all queries of the heads that share a key looked at it: one key per invocation.

struct Params { kv_heads: u32, group: u32, length: u32, keys: u32, counted: u32, count: u32 }

@group(0) @binding(0) var<storage, read> shares: array<f32>;      // [B, kv_heads · group, length, keys]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;   // [B, kv_heads, keys]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if i >= params.count {
        return;
    }
    let rows = params.group * params.length;
    let start = i / params.keys * rows * params.keys + i % params.keys;
    let even = 1.0 / f32(params.keys);
    var sum = 0.0;
    for (var row = 0u; row < rows; row++) {
        let share = shares[start + row * params.keys];
        sum += select(share, select(0.0, 1.0, share > even), params.counted != 0u);
    }
    out[i] = sum;
}
