// Which tokens of a prompt stay: each finds its rank among all of its head and, if it is among the first, goes to
// the row of that rank. One token per invocation.

struct Params { heads: u32, length: u32, columns: u32, kept: u32, sinks: u32, recent: u32, count: u32 }

@group(0) @binding(0) var<storage, read> importance: array<f32>;     // [B, heads, length]
@group(0) @binding(1) var<storage, read> mask: array<i32>;           // [B, columns]
@group(0) @binding(2) var<storage, read_write> places: array<i32>;   // [B, heads, kept]
@group(0) @binding(3) var<uniform> params: Params;

// Of a token of a head; below 0 for padding.
fn worth(head: u32, token: u32) -> f32 {
    if mask[head / params.heads * params.columns + token] == 0 {
        return -1.0;
    }
    if token < params.sinks || token + params.recent >= params.length {
        return 3.4e38;
    }
    return importance[head * params.length + token];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 64u + id.x;
    if i >= params.count {
        return;
    }
    let head = i / params.length;
    let token = i % params.length;
    let own = worth(head, token);
    var rank = 0u;
    for (var other = 0u; other < params.length; other++) {
        let value = worth(head, other);
        rank += select(0u, 1u, value > own || (value == own && other < token));
    }
    if rank < params.kept {
        places[head * params.kept + rank] = select(i32(token) + 1, 0, own < 0.0);
    }
}
