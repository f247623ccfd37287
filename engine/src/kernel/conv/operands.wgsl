// A convolution as a product of patches[pixels, inner] with weight[outputs, inner]ᵀ, group by group.

fn extent() -> vec3<u32> {
    return vec3<u32>(params.steps.x * params.steps.y, params.outputs, params.inputs * params.size.x * params.size.y);
}

fn left(batch: u32, m: u32, k: u32) -> vec4<f32> {
    let step = vec2<u32>(m / params.steps.y, m % params.steps.y);
    let taps = params.size.x * params.size.y;
    let group = batch % params.groups * params.inputs;
    let first = batch / params.groups * params.batch_stride + group * params.channel_stride;
    var channel = k / taps;
    var offset = vec2<u32>(k % taps / params.size.y, k % params.size.y);
    var v = vec4<f32>();
    for (var j = 0u; j < 4u && channel < params.inputs; j++) {
        v[j] = seen(first + channel * params.channel_stride, step, offset);
        offset.y += 1u;
        if offset.y == params.size.y {
            offset = vec2<u32>(offset.x + 1u, 0u);
        }
        if offset.x == params.size.x {
            offset.x = 0u;
            channel += 1u;
        }
    }
    return v;
}

fn right(batch: u32, n: u32, k: u32) -> vec4<f32> {
    let inner = params.inputs * params.size.x * params.size.y;
    let i = (batch % params.groups * params.outputs + n) * inner + k;
    if k + 4u <= inner {
        return vec4<f32>(weight[i], weight[i + 1u], weight[i + 2u], weight[i + 3u]);
    }
    var v = vec4<f32>();
    for (var j = 0u; k + j < inner; j++) {
        v[j] = weight[i + j];
    }
    return v;
}

fn store(batch: u32, m: u32, n: u32, sum: f32) {
    let channel = batch % params.groups * params.outputs + n;
    let pixel = batch / params.groups * params.steps.x * params.steps.y + m;
    out[pixel * params.groups * params.outputs + channel] = result(channel, sum);
}
