// Weighed values as a product: out[b, i, h, c] = Σ shares[b, h, i, j] · v[b, j, h, c].

struct Params { length: u32, keys: u32, heads: u32, width: u32 }

@group(0) @binding(0) var<storage, read> shares: array<f32>;     // [B, heads, length, keys]
@group(0) @binding(1) var<storage, read> v: array<f32>;          // [B, keys, heads · width]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [B, length, heads · width]
@group(0) @binding(3) var<uniform> params: Params;

fn extent() -> vec3<u32> {
    return vec3<u32>(params.length, params.width, params.keys);
}

// Where head `batch % heads` of row `row` starts.
fn place(batch: u32, row: u32, rows: u32) -> u32 {
    let head = batch % params.heads;
    return (((batch / params.heads) * rows + row) * params.heads + head) * params.width;
}

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let i = (batch * params.length + m) * params.keys + k;
    if k + 4u <= params.keys {
        return vec4<f32>(shares[i], shares[i + 1u], shares[i + 2u], shares[i + 3u]);
    }
    var r = vec4<f32>();
    for (var j = 0u; k + j < params.keys; j++) {
        r[j] = shares[i + j];
    }
    return r;
}

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let i = place(batch, k, params.keys) + n;
    let step = params.heads * params.width;
    if k + 4u <= params.keys {
        return vec4<f32>(v[i], v[i + step], v[i + 2u * step], v[i + 3u * step]);
    }
    var r = vec4<f32>();
    for (var j = 0u; k + j < params.keys; j++) {
        r[j] = v[i + j * step];
    }
    return r;
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    out[place(batch, m, params.length) + n] = sum;
}
