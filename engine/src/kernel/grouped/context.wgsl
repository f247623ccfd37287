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

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let i = (batch * params.length + m) * params.keys + k;
    let end = reach();
    if k + 4u <= end {
        return vec4<f32>(shares[i], shares[i + 1u], shares[i + 2u], shares[i + 3u]);
    }
    var r = vec4<f32>();
    for (var j = 0u; k + j < end; j++) {
        r[j] = shares[i + j];
    }
    return r;
}

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let head = batch % params.heads / params.group;
    let i = batch / params.heads * params.batch_stride + head * params.head_stride + k * params.row_stride + n;
    let step = params.row_stride;
    let end = reach();
    if k + 4u <= end {
        return vec4<f32>(values[i], values[i + step], values[i + 2u * step], values[i + 3u * step]);
    }
    var r = vec4<f32>();
    for (var j = 0u; k + j < end; j++) {
        r[j] = values[i + j * step];
    }
    return r;
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    let head = batch % params.heads;
    out[((batch / params.heads * params.length + m) * params.heads + head) * params.width + n] = sum;
}
