// Scaled dot products as a product: out[b, h, i, j] = scale · Σ q[b, i, h, c] · k[b, j, h, c].

struct Params { length: u32, keys: u32, heads: u32, width: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> q: array<f32>;          // [B, length, heads · width]
@group(0) @binding(1) var<storage, read> keys: array<f32>;       // [B, keys, heads · width]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;  // [B, heads, length, keys]
@group(0) @binding(3) var<uniform> params: Params;

fn extent() -> vec3<u32> {
    return vec3<u32>(params.length, params.keys, params.width);
}

// Where head `batch % heads` of row `row` starts.
fn place(batch: u32, row: u32, rows: u32) -> u32 {
    let head = batch % params.heads;
    return (((batch / params.heads) * rows + row) * params.heads + head) * params.width;
}

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let i = place(batch, m, params.length) + k;
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
    let i = place(batch, n, params.keys) + k;
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
