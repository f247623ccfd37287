// Weighed values as a product: out[b, i, h, c] = Σ shares[b, h, i, j] · values[b, h / group, j, c].
// With `causal` only the first past + length values exist.

struct Params {
    length: u32,
    keys: u32,
    heads: u32,
    // Heads that share a value.
    group: u32,
    width: u32,
    // From one sequence, head or row of values to the next.
    batch_stride: u32,
    head_stride: u32,
    row_stride: u32,
    causal: u32,
}

@group(0) @binding(0) var<storage, read> shares: array<f32>;     // [B, heads, length, keys]
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> past: array<i32>;       // [1]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;  // [B, length, heads · width]
@group(0) @binding(4) var<uniform> params: Params;

fn reach() -> u32 {
    return select(params.keys, min(params.keys, u32(past[0]) + params.length), params.causal != 0u);
}

fn extent() -> vec3<u32> {
    return vec3<u32>(params.length, params.width, reach());
}

// Four keys from k on, and which of them exist.
fn keys_at(k: u32) -> vec4<u32> {
    return min(vec4<u32>(k, k + 1u, k + 2u, k + 3u), vec4<u32>(max(reach(), 1u) - 1u));
}

fn exist(k: u32) -> vec4<bool> {
    return vec4<u32>(k, k + 1u, k + 2u, k + 3u) < vec4<u32>(reach());
}

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let i = (batch * params.length + m) * params.keys + keys_at(k);
    return select(vec4<f32>(), vec4<f32>(shares[i.x], shares[i.y], shares[i.z], shares[i.w]), exist(k));
}

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let head = batch % params.heads / params.group;
    let i = batch / params.heads * params.batch_stride + head * params.head_stride + n + keys_at(k) * params.row_stride;
    return select(vec4<f32>(), vec4<f32>(values[i.x], values[i.y], values[i.z], values[i.w]), exist(k));
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    let head = batch % params.heads;
    out[((batch / params.heads * params.length + m) * params.heads + head) * params.width + n] = sum;
}
