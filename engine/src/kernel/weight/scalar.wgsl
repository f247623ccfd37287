// Weights as 32-bit floats, for any inner length.

@group(0) @binding(WEIGHT) var<storage, read> weight: array<f32>;  // [outputs, inputs]

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let i = n * params.inputs + k;
    if k + 4u <= params.inputs {
        return vec4<f32>(weight[i], weight[i + 1u], weight[i + 2u], weight[i + 3u]);
    }
    var v = vec4<f32>();
    for (var j = 0u; k + j < params.inputs; j++) {
        v[j] = weight[i + j];
    }
    return v;
}
