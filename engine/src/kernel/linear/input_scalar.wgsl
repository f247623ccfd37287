// x as numbers, for any inner length.

const WEIGHT = 4;
@group(0) @binding(0) var<storage, read> x: array<f32>;  // [rows, inputs]

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let i = m * params.inputs + k;
    if k + 4u <= params.inputs {
        return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
    }
    var v = vec4<f32>();
    for (var j = 0u; k + j < params.inputs; j++) {
        v[j] = x[i + j];
    }
    return v;
}
