// Scaled dot products as a product: out[b, h, i, j] = scale · Σ q[b, i, h, c] · keys[b, h / group, j, c].
// With `causal` only the first past + length keys exist.

struct Params {
    length: u32,
    keys: u32,
    heads: u32,
    // Heads that share a key.
    group: u32,
    width: u32,
    // From one sequence, head or row of keys to the next.
    batch_stride: u32,
    head_stride: u32,
    row_stride: u32,
    causal: u32,
    scale: f32,
}

@group(0) @binding(0) var<storage, read> q: array<f32>;          // [B, length, heads · width]
@group(0) @binding(1) var<storage, read> keys: array<f32>;
@group(0) @binding(2) var<storage, read> past: array<i32>;       // [1]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;  // [B, heads, length, keys]
@group(0) @binding(4) var<uniform> params: Params;

fn extent() -> vec3<u32> {
    let reach = select(params.keys, min(params.keys, u32(past[0]) + params.length), params.causal != 0u);
    return vec3<u32>(params.length, reach, params.width);
}

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let head = batch % params.heads;
    let i = ((batch / params.heads * params.length + m) * params.heads + head) * params.width + k;
    if k + 4u <= params.width {
        return vec4<f32>(q[i], q[i + 1u], q[i + 2u], q[i + 3u]);
    }
    var v = vec4<f32>();
    for (var j = 0u; k + j < params.width; j++) {
        v[j] = q[i + j];
    }
    return v;
}

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let head = batch % params.heads / params.group;
    let i = batch / params.heads * params.batch_stride + head * params.head_stride + n * params.row_stride + k;
    if k + 4u <= params.width {
        return vec4<f32>(keys[i], keys[i + 1u], keys[i + 2u], keys[i + 3u]);
    }
    var v = vec4<f32>();
    for (var j = 0u; k + j < params.width; j++) {
        v[j] = keys[i + j];
    }
    return v;
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    out[(batch * params.length + m) * params.keys + n] = sum * params.scale;
}
